"""The trust gate and the verdict: can this run be trusted, and what is its answer?"""
