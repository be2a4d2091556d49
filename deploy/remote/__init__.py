"""Devices reached by a shell: commands, files, the Python runner, reconnecting, checks."""
