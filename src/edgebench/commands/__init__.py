"""The commands of the command line, one a module.

Each has `HELP`, `add_arguments(parser)` and `execute(options)`, which returns an exit code. Their
modules are light to import; what is heavy they import when they are executed.
"""
