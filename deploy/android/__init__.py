"""What is Android's own: its readings, its settings, and LiteRT's `benchmark_model` there."""
