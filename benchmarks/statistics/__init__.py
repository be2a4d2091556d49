"""The statistics of samples, pairs and shares: NumPy and SciPy only, and no device."""
