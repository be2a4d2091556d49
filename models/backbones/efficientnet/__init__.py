"""EfficientNet-B0 and Lite0: Tan and Le, ICML 2019."""
