"""The rules, one module a runtime or accelerator; each has a tuple `RULES`."""
