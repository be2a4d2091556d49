"""The ONNX graph that every target starts from, and ONNX Runtime as its reference."""
