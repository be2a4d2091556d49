"""The NPU's programs in a compiled .tflite file, as an ONNX file that ONNX Runtime hands to QNN.

    DISPATCH_OP (a program of QNN in the .tflite file)  ->  EPContext (the same bytes, in a file)

Nothing is translated: ONNX Runtime gives QNN the program as LiteRT's compiler made it.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from edgebench.deploy.npu import compiled_file
from edgebench.deploy.npu.compiled_file import PartitionPort
from edgebench.deploy.runner.messages import RunnerError

TYPES = {
    "FLOAT32": TensorProto.FLOAT,
    "FLOAT16": TensorProto.FLOAT16,
    "INT8": TensorProto.INT8,
    "UINT8": TensorProto.UINT8,
    "INT16": TensorProto.INT16,
    "UINT16": TensorProto.UINT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "BOOL": TensorProto.BOOL,
}

CONTEXTS = "com.microsoft"
"""The domain of `EPContext`: https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html"""


def unpack(compiled: Path, folder: Path, inputs: list[str], outputs: list[str]) -> Path:
    """Write the ONNX file of a compiled .tflite file, whose inputs and outputs have these names.

    The programs lie beside it. Raises `RunnerError` if an input or output is not the NPU's.
    """
    content = compiled.read_bytes()
    partitions = compiled_file.read(compiled).partitions
    nodes = []
    for number, part in enumerate(partitions):
        program = f"program{number}.bin"
        (folder / program).write_bytes(content[part.offset : part.offset + part.size])
        nodes.append(
            helper.make_node(
                "EPContext",
                [port.name for port in part.inputs],
                [port.name for port in part.outputs],
                name=part.name,
                domain=CONTEXTS,
                main_context=1,
                embed_mode=0,
                ep_cache_context=program,
                source="QNNExecutionProvider",
                partition_name=part.name,
            )
        )
    takes = {port.name: port for part in partitions for port in part.inputs}
    makes = {port.name: port for part in partitions for port in part.outputs}
    foreign = [name for name in inputs if name not in takes]
    foreign += [name for name in outputs if name not in makes]
    if foreign:
        raise RunnerError(f"the NPU does not read or make its {', '.join(foreign)}")
    graph = helper.make_graph(
        nodes,
        "compiled",
        [_value(takes[name]) for name in inputs],
        [_value(makes[name]) for name in outputs],
    )
    path = folder / "program.onnx"
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(CONTEXTS, 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def _value(port: PartitionPort) -> onnx.ValueInfoProto:
    if port.dtype not in TYPES:
        raise RunnerError(f"its {port.name} is of type {port.dtype}, which cannot be handed over")
    return helper.make_tensor_value_info(port.name, TYPES[port.dtype], port.shape)
