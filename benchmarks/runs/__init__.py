"""Carrying out runs: on one device, on a fleet, offline; and the history of runs."""
