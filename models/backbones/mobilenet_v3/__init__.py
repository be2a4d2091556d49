"""MobileNetV3: Howard et al., ICCV 2019."""
