"""`python -m edgebench.commands.bench_drift`: whose int8 loses least, and at which latency."""
