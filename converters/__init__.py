"""Converters: trained model -> ONNX -> the target format, with parity at every step."""
