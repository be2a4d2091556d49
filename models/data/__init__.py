"""Labelled images: digit scenes made here, and folders of pictures."""
