"""The readers, one module a format: a file in, a `LintGraph` out."""
