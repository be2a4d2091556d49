"""The shapes and types of a model's values, as far as they are fixed."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, shape_inference

Shape = tuple[int, ...]


def static_shapes(model: onnx.ModelProto) -> dict[str, tuple[Shape, np.dtype[Any]]]:
    """Shape and type of every input, output and value between that has a fixed one."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    found = {}
    for info in [*inferred.input, *inferred.value_info, *inferred.output]:
        tensor = info.type.tensor_type
        if tensor.elem_type and all(dim.dim_value > 0 for dim in tensor.shape.dim):
            shape = tuple(dim.dim_value for dim in tensor.shape.dim)
            found[info.name] = (shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return found
