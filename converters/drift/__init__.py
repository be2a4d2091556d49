"""The drift chain: how far a model's outputs move at each hop, which layer moves them, and why."""
