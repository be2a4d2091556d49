"""Phones' NPUs: which there are, what their compilers say of a .tflite file, what they made of it."""
