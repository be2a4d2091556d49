"""What the lowerings from ONNX have in common, whatever they lower to."""
