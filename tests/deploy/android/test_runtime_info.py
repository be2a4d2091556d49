"""What runs each operator, from the file that LiteRT's tools write, in LiteRT's own schema."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import litert_tool
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.benchmark_model import delegation
from edgebench.deploy.benchmark_model.runtime_info import CPU, read
from edgebench.errors import InvalidFileError

XNNPACK, DISPATCH = "TfLiteXNNPackDelegate", "DispatchDelegate"


@pytest.fixture(scope="module")
def written(toys: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a real model on XNNPACK, as LiteRT's Python package lists its nodes."""
    folder = tmp_path_factory.mktemp("info")
    tool = litert_tool.write(folder / "tool", info=True)
    options = (
        *(f"--graph={toys / 'attention.tflite'}", "--use_xnnpack=true", "--num_runs=1"),
        *("--min_secs=0", "--warmup_min_secs=0"),
        *("--export_model_runtime_info=true", f"--model_runtime_info_output_file={folder / 'out'}"),
    )
    subprocess.run([sys.executable, tool, *options], check=True, capture_output=True)
    return (folder / "out").read_bytes()


def test_every_operator_has_the_delegate_that_litert_gave_it(written: bytes) -> None:
    found = read(written)
    assert found.kernels == (XNNPACK,)
    assert Counter(one.type for one in found.operators)["CONV_2D"] == 1
    assert {one.by for one in found.operators} == {XNNPACK}
    placed = delegation.of_nodes(found, "xnnpack", "")
    assert (placed.partitions, placed.left) == (1, ())
    assert placed.operators == {XNNPACK: len(found.operators), CPU: 0}


def test_what_xnnpack_runs_in_the_place_of_another_delegate_is_left(written: bytes) -> None:
    placed = delegation.of_nodes(read(written), "gpu", "")
    assert placed.partitions == 0 and placed.left is not None and "CONV_2D" in placed.left


TABLE = """
import sys
from ai_edge_litert import model_runtime_info_pb2 as schema

details = schema.ModelRuntimeDetails(model_name="theirs")
graph = details.subgraphs.add(subgraph_id=0, name="main")
graph.edges.add(id=0, name="image", shape=[1, 224, 224, 3], size=602112)
for index, (name, by) in enumerate(eval(sys.argv[1])):
    node = graph.nodes.add(id=index, name=name, type="3", inputs=[0], outputs=[1])
    if by is not None:
        node.delegated_to_node_id = by
    else:
        graph.execution_plan.append(index)
for index, name in eval(sys.argv[2]):
    node = graph.nodes.add(id=index, name=name, type=name)
    node.delegate_node_details.delegate_name = name
    graph.execution_plan.append(index)
sys.stdout.buffer.write(details.SerializeToString())
"""


def serialised(nodes: list[tuple[str, int | None]], kernels: list[tuple[int, str]]) -> bytes:
    """A file by LiteRT's own schema: in another process, for TensorFlow has one of that name."""
    words = [sys.executable, "-c", TABLE, repr(nodes), repr(kernels)]
    return subprocess.run(words, check=True, capture_output=True).stdout


def test_operators_of_three_processors_are_told_apart() -> None:
    nodes = [("CONV_2D", 300), ("TheirOp", None), ("CONV_2D", 301), ("SOFTMAX", 302)]
    kernels = [(300, "TfLiteGpuDelegateV2"), (301, "TfLiteGpuDelegateV2"), (302, XNNPACK)]
    placed = delegation.of_nodes(read(serialised(nodes, kernels)), "gpu", "")
    assert placed.partitions == 2
    assert placed.left == ("TheirOp", "SOFTMAX")
    assert placed.operators == {"TfLiteGpuDelegateV2": 2, XNNPACK: 1, CPU: 1}


PARTITIONED = (
    "INFO: [compiler_plugin.cc:742] Partitioned subgraph<0>, selected {} ops, from a total of {} "
    "ops. resulted in 1 partitions.\n"
    "INFO: [compiled_model.cc:1324] 1 compiler plugins were applied successfully: Qualcomm\n"
)


def test_a_part_that_was_compiled_counts_as_the_operators_that_it_stands_for() -> None:
    info = read(serialised([("DISPATCH_OP", 1)], [(1, DISPATCH)]))
    placed = delegation.of_nodes(info, "npu", PARTITIONED.format(276, 276))
    assert (placed.partitions, placed.left) == (1, ())
    assert placed.operators == {DISPATCH: 276, CPU: 0}
    # Of a model that was compiled before, only the number of its parts is known.
    placed = delegation.of_nodes(info, "npu", "")
    assert (placed.partitions, placed.left, placed.operators) == (1, (), None)


@given(st.data())
def test_a_file_that_is_cut_or_damaged_is_refused_or_read(
    written: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(written) - 1))
    damaged = data.draw(st.sampled_from([written[:at], b"", bytes([255]) + written]))
    changed = written[:at] + data.draw(st.binary(min_size=1, max_size=3)) + written[at + 1 :]
    for content in (damaged, changed):
        try:
            found = read(content)
        except InvalidFileError:
            continue
        assert delegation.of_nodes(found, "xnnpack", "").partitions is not None


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    try:
        read(content)
    except InvalidFileError as error:
        assert "cannot be read" in error.message
