"""MobileNeXt: Zhou et al., ECCV 2020."""
