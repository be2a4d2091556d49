"""Models: attention modules, backbones, the registry, data, training and checkpoints."""
