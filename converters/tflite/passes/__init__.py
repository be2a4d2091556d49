"""Rewrites of the ONNX graph that leave its function alone and suit one kind of TFLite file."""
