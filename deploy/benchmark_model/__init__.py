"""LiteRT's `benchmark_model` as a runner, for phones without Python."""
