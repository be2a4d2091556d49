"""Reports: a comparison on the terminal, as Markdown and as a self-contained HTML page."""
