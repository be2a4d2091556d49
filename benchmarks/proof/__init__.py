"""The proof of the statistics: many simulated runs, in which the truth is known."""
