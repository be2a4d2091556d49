"""MobileNetV2: Sandler et al., CVPR 2018."""
