"""ResNet: He et al., CVPR 2016."""
