"""OpenVINO's side of a conversion: ONNX to IR, quantisation, what the CPU plugin makes of it."""
