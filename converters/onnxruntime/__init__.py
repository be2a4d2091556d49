"""ONNX Runtime as a target: fp32, fp16 and int8 (QDQ) files."""
