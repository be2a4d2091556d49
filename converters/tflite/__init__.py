"""ONNX to TFLite: the graph is lowered to TensorFlow's NHWC ops, then converted and inspected."""
