"""Converters: trained model -> ONNX -> the target format, with parity at every step."""

import os

# ONNX Runtime counts its uses over the network, and leaves a number of its own in the user's home.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
