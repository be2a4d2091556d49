"""Commands within the process of a test."""

EXPORT = ("export", "--jobs", "1")
"""More jobs are processes that import the frameworks again, and that know nothing of what a test
has replaced."""
