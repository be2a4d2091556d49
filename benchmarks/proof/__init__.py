"""Proofs of the statistics: many runs in which the truth is known."""
