"""Apple's devices. Written from documentation and not verified on hardware."""
