"""One package for each way to reach devices."""
