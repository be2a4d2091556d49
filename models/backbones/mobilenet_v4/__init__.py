"""MobileNetV4: Qin et al., ECCV 2024."""
