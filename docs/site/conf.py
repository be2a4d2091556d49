"""The documentation site: `make docs` builds it, and every warning is an error.

The source folder is the repository's root, so that a link between Markdown files leads to the
same place on GitHub and on the site.
"""

import sys
from pathlib import Path

from edgebench import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "edgebench"
author = "The edgebench authors"
copyright = "The edgebench authors, Apache-2.0"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "command_reference"]
default_role = "code"  # Docstrings write names in single backticks.
python_maximum_signature_line_length = 88
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "models/checkpoints/README.md",
    "models/checkpoints/heads/README.md",
]
exclude_patterns = ["[.]*", "artifacts", "build", "runs", "src", "tests"]  # Not to be searched.
myst_heading_anchors = 3

html_theme = "furo"
html_title = "edgebench"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["landing"]  # index.html, which leads to the first page.
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/edgebench/edgebench/",
    "source_branch": "main",
    "source_directory": "",
}
