"""ONNX to Core ML programs (.mlpackage), by coremltools' own MIL builder."""
