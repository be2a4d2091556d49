"""Runs carried out: on one device, on several, by somebody else, and the history of them."""
