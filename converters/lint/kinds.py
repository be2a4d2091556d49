"""What the operations of each format are called in common.

Only words that a rule asks for stand here; every other type keeps its own, in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping

# kind: (TFLite, ONNX, OpenVINO, MIL)
_WORDS: tuple[tuple[str, str, str, str, str], ...] = (
    ("conv", "CONV_2D", "Conv", "Convolution", "conv"),
    ("depthwise_conv", "DEPTHWISE_CONV_2D", "", "GroupConvolution", ""),
    ("linear", "FULLY_CONNECTED", "Gemm MatMul", "MatMul", "linear matmul"),
    ("transpose", "TRANSPOSE", "Transpose", "Transpose", "transpose"),
    (
        "reshape",
        "RESHAPE SQUEEZE EXPAND_DIMS",
        "Reshape Flatten Squeeze Unsqueeze",
        "Reshape Squeeze Unsqueeze",
        "reshape squeeze expand_dims",
    ),
    ("mean", "MEAN", "ReduceMean GlobalAveragePool", "ReduceMean", "reduce_mean"),
    ("average_pool", "AVERAGE_POOL_2D", "AveragePool", "AvgPool", "avg_pool"),
    ("max_pool", "MAX_POOL_2D", "MaxPool", "MaxPool", "max_pool"),
    ("add", "ADD", "Add", "Add", "add"),
    ("sub", "SUB", "Sub", "Subtract", "sub"),
    ("mul", "MUL", "Mul", "Multiply", "mul"),
    ("div", "DIV", "Div", "Divide", "real_div"),
    ("maximum", "MAXIMUM", "Max", "Maximum", "maximum"),
    ("minimum", "MINIMUM", "Min", "Minimum", "minimum"),
    ("concat", "CONCATENATION", "Concat", "Concat", "concat"),
    ("split", "SPLIT SPLIT_V", "Split", "Split VariadicSplit", "split"),
    (
        "slice",
        "SLICE STRIDED_SLICE",
        "Slice",
        "StridedSlice Slice",
        "slice_by_index slice_by_size",
    ),
    ("pad", "PAD PADV2 MIRROR_PAD", "Pad", "Pad", "pad"),
    ("softmax", "SOFTMAX", "Softmax", "SoftMax", "softmax"),
    ("sigmoid", "LOGISTIC", "Sigmoid", "Sigmoid", "sigmoid"),
    ("hard_swish", "HARD_SWISH", "HardSwish", "HSwish", ""),
    ("quantise", "QUANTIZE", "QuantizeLinear", "FakeQuantize", "quantize"),
    ("dequantise", "DEQUANTIZE", "DequantizeLinear", "", "dequantize"),
    ("cast", "CAST", "Cast", "Convert", "cast"),
    ("depth_to_space", "DEPTH_TO_SPACE", "DepthToSpace", "DepthToSpace", "depth_to_space"),
    ("space_to_depth", "SPACE_TO_DEPTH", "SpaceToDepth", "SpaceToDepth", "space_to_depth"),
)

ELEMENTWISE = frozenset({"add", "sub", "mul", "div", "maximum", "minimum"})
"""Operations of two tensors of one shape, or of shapes that one is broadcast to."""


def _column(number: int) -> dict[str, str]:
    return {word: row[0] for row in _WORDS for word in row[number].split()}


TFLITE: Mapping[str, str] = _column(1)
ONNX: Mapping[str, str] = _column(2)
OPENVINO: Mapping[str, str] = _column(3)
MIL: Mapping[str, str] = _column(4)


def kind(words: Mapping[str, str], type_: str) -> str:
    """The common word for a format's own."""
    return words.get(type_, type_.lower())
