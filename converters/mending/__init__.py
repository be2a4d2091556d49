"""Mending what a precision costs: the fewest exceptions that keep a model within a budget."""
