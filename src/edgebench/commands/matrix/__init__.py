"""`python -m edgebench.commands.matrix`: every attention in every backbone and format."""
