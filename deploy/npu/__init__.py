"""Phones' NPUs: which there are, and what their compilers make of a .tflite file."""
