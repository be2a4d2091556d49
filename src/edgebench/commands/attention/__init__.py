"""`python -m edgebench.commands.attention`: which attention is more accurate."""
