"""Small ONNX models for the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    weights: Mapping[str, np.ndarray] | None = None,
    opset: int = 17,
) -> onnx.ModelProto:
    """A checked model of float32 inputs, with its shapes inferred."""
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(w), n) for n, w in (weights or {}).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(made, data_prop=True)
    onnx.checker.check_model(inferred)
    return inferred


def random_sample(made: onnx.ModelProto, seed: int = 0) -> dict[str, np.ndarray]:
    """Standard normal inputs by name."""
    rng = np.random.default_rng(seed)
    weights = {w.name for w in made.graph.initializer}
    return {
        info.name: rng.standard_normal(
            [d.dim_value for d in info.type.tensor_type.shape.dim], dtype=np.float32
        )
        for info in made.graph.input
        if info.name not in weights
    }


def formed_files(
    made: onnx.ModelProto, precisions: Sequence[str], samples: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, bytes]:
    """Each precision's file, from the graph in its own form, as an export makes it."""
    from edgebench.converters.onnx.graph import OnnxGraph
    from edgebench.converters.passes.pipelines import formed, pipeline_of
    from edgebench.converters.targets import Target
    from edgebench.converters.tflite.convert import convert_all

    files = {}
    for precision in precisions:
        pipeline = pipeline_of(Target("tflite", precision))
        graph = formed(OnnxGraph(made, "test", "file", ""), pipeline).graph
        files |= convert_all(graph.model, [precision], samples, float_nodes=graph.float_nodes)
    return files


def reference(made: onnx.ModelProto, sample: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime computes."""
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(sample))


def lowered(made: onnx.ModelProto, sample: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What the lowered TensorFlow function computes, in ONNX's order of axes."""
    from edgebench.converters.tflite.lower import from_target, lower, to_target
    from edgebench.converters.tflite.tensorflow import tf

    lowering = lower(made)
    feeds = {p.key: tf.constant(to_target(sample[p.name], p)) for p in lowering.inputs}
    results = lowering.function(**feeds)
    return [from_target(r.numpy(), p) for r, p in zip(results, lowering.outputs, strict=True)]


def interpreted(
    file: bytes, made: onnx.ModelProto, sample: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """What LiteRT computes, in ONNX's order of axes; inputs and outputs may be int8."""
    from edgebench.converters.tflite import inspect, layout
    from edgebench.converters.tflite.ports import image_ports

    images = image_ports(made)
    interpreter = inspect.interpreter(file)
    weights = {w.name for w in made.graph.initializer}
    names = [info.name for info in made.graph.input if info.name not in weights]
    for name, detail in zip(names, interpreter.get_input_details(), strict=True):
        array = np.transpose(sample[name], layout.boundary(sample[name].ndim, name in images))
        scale, zero = detail["quantization"]
        if scale:
            limits = np.iinfo(detail["dtype"])
            array = np.clip(np.round(array / scale) + zero, limits.min, limits.max)
        interpreter.set_tensor(detail["index"], array.astype(detail["dtype"]))
    interpreter.invoke()
    results = []
    for info, detail in zip(made.graph.output, interpreter.get_output_details(), strict=True):
        array = interpreter.get_tensor(detail["index"])
        scale, zero = detail["quantization"]
        if scale:
            array = (array.astype(np.float32) - zero) * scale
        order = layout.boundary(array.ndim, info.name in images)
        results.append(np.transpose(array, np.argsort(order)))
    return results
