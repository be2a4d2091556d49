"""A linter of exports: what is known to be slow or refused, found in the file itself."""
