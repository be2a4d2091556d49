"""Exact rewrites of the ONNX graph into the form that a target runs fastest."""
