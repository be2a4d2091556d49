"""Devices reached through a shell: commands, files, the Python runner, reconnecting, checks."""
