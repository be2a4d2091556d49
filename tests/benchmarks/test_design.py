"""The design of the experiment: laws that every plan keeps."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from replay import TOYS, Toy, make_artifacts

from edgebench.benchmarks.planning import design
from edgebench.benchmarks.planning.design import choose, draft_plan, lay_out
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import GroupSize, Size
from edgebench.converters.artifact import Artifact, Preprocessing, TensorSpec, find_artifacts
from edgebench.converters.export.images import ImageSamples
from edgebench.converters.onnx.graph import TensorInfo
from edgebench.deploy.documents.plan import KeptOutput, Plan, TurnLength
from edgebench.deploy.runner.files import stored_inputs
from edgebench.documents import sha256
from edgebench.errors import DataError, InvalidFileError, UnknownNameError, UsageError
from edgebench.tasks.reduction import identity


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifacts")
    make_artifacts(path, (*TOYS, Toy("other", "other", 1, 1, "untrained")), ("fp32", "int8"))
    return path


@pytest.fixture(scope="module")
def artifacts(folder: Path) -> list[Artifact]:
    return list(find_artifacts(folder))


def size_of(processes: int, blocks: int, rounds: int, back: bool = False) -> Size:
    """A size for the groups of the toys."""
    group = GroupSize(TurnLength(3, 2, 1), blocks, rounds, back)
    names = ("scenes_v2, tflite fp32", "scenes_v2, tflite int8", "other, tflite fp32")
    names += ("other, tflite int8", "a, tflite fp32")
    return Size(processes, min(processes, 6), dict.fromkeys(names, group))


sizes = st.builds(size_of, st.integers(1, 8), st.integers(1, 3), st.integers(1, 3), st.booleans())


def make_plan(artifacts: list[Artifact], request: RunRequest, size: Size | None = None) -> Plan:
    draft = draft_plan("id", choose(artifacts, request), request)
    return lay_out(draft, size or size_of(6, 1, 1), 0.1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(sizes, st.integers(0, 99), st.booleans())
def test_every_plan_keeps_the_laws_of_the_design(
    artifacts: list[Artifact], size: Size, seed: int, itself: bool
) -> None:
    plan = make_plan(artifacts, RunRequest("a", seed=seed, against_itself=itself), size)
    groups = {group.name: group for group in plan.groups}
    for block in plan.blocks:
        own, group = size.groups[block.group], groups[block.group]
        times = 2 if own.there_and_back else len(group.slots)
        assert Counter(block.order) == dict.fromkeys(group.slots, times * own.rounds)
        assert group.turn == own.turn
    assert [block.index for block in plan.blocks] == list(range(len(plan.blocks)))
    processes = [block.process for block in plan.blocks]
    assert processes == sorted(processes)
    assert (plan.processes, plan.first_look) == (size.processes, size.first_look)
    counts = Counter((block.process, block.group) for block in plan.blocks)
    assert all(count == size.groups[group].blocks for (_, group), count in counts.items())
    assert len(counts) == plan.processes * len(plan.groups)


def test_in_a_block_each_slot_follows_each_equally_often(artifacts: list[Artifact]) -> None:
    plan = make_plan(artifacts, RunRequest("a"), size_of(6, 2, 4))
    for block in plan.blocks:
        slots = set(block.order)
        each = len(slots) ** 2
        for start in range(0, len(block.order), each):
            circle = block.order[start : start + each]
            followings = Counter(zip(circle, (*circle[1:], circle[0]), strict=True))
            assert set(followings.values()) == {1} and len(followings) == each


def test_groups_of_which_nothing_runs_have_the_smallest_blocks(artifacts: list[Artifact]) -> None:
    size = size_of(6, 1, 1)
    name = "scenes_v2, tflite fp32"
    only = replace(size, groups={name: size.groups[name]})
    plan = make_plan(artifacts, RunRequest("a"), only)
    assert len(plan.groups) > 1
    for block in plan.blocks:
        slots = next(len(group.slots) for group in plan.groups if group.name == block.group)
        assert block.group == name or len(block.order) == 2 * slots


@given(st.integers(0, 99))
def test_the_same_seed_gives_the_same_plan(seed: int) -> None:
    toy = [_artifact("a"), _artifact("b")]
    request = RunRequest("x", seed=seed, baseline="a")
    assert make_plan(toy, request) == make_plan(toy, request)


def _artifact(model: str) -> Artifact:
    from edgebench.converters.artifact import Manifest

    manifest = Manifest(
        model, "a", "tflite", "fp32", f"{model}.tflite", model, 1, "unknown", "",
        (), (), None, None, None, None, (), None, None, "nobody", {}, "", "",
    )  # fmt: skip
    return Artifact(Path(f"{model}.fp32.tflite"), manifest)


def test_the_order_in_a_block_changes_with_the_seed(artifacts: list[Artifact]) -> None:
    orders = set()
    for seed in range(8):
        request = RunRequest("a", seed=seed)
        orders.add(make_plan(artifacts, request).blocks[0].order)
    assert len(orders) > 2


def test_a_group_is_a_baseline_with_its_models_in_one_precision(
    artifacts: list[Artifact],
) -> None:
    request = RunRequest("a")
    plan = make_plan(artifacts, request)
    assert [group.slots for group in plan.groups] == [
        (f"scenes_v2.{p}.tflite", f"scenes_v2_ca.{p}.tflite", f"scenes_v2_se.{p}.tflite")
        for p in ("fp32", "int8")
    ]


def test_models_and_precisions_are_chosen_by_name(artifacts: list[Artifact]) -> None:
    request = RunRequest("a", models=("scenes_v2_se",), precisions=("int8",))
    plan = make_plan(artifacts, request)
    assert list(plan.artifacts) == ["scenes_v2.int8.tflite", "scenes_v2_se.int8.tflite"]


def test_any_model_can_be_the_baseline(artifacts: list[Artifact]) -> None:
    request = RunRequest("a", baseline="other", models=("scenes_v2_se",), precisions=("fp32",))
    plan = make_plan(artifacts, request)
    assert plan.groups[0].slots == ("other.fp32.tflite", "scenes_v2_se.fp32.tflite")


def test_a_baseline_against_itself_has_two_slots(artifacts: list[Artifact]) -> None:
    request = RunRequest(
        "a", baseline="other", models=(), precisions=("fp32",), against_itself=True
    )
    plan = make_plan(artifacts, request)
    assert plan.groups[0].slots == ("other.fp32.tflite", "other.fp32.tflite" + design.AGAIN)
    first, second = plan.artifacts.values()
    assert first == second


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"models": ("scenes_v2_sa",)}, "model"),
        ({"formats": ("coreml",)}, "format"),
        ({"precisions": ("int4",)}, "precision"),
        ({"baseline": "scenes_v3"}, "baseline"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(
    options: dict[str, object], kind: str, artifacts: list[Artifact]
) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown {kind}") as caught:
        choose(artifacts, RunRequest("a", **options))
    assert "known:" in caught.value.remedy


def test_nothing_to_compare_is_refused(artifacts: list[Artifact]) -> None:
    with pytest.raises(UsageError, match="has a baseline") as caught:
        choose(artifacts, RunRequest("a", models=("other",)))
    assert "--models other --baseline other" in caught.value.remedy


def test_no_artifacts_are_refused() -> None:
    with pytest.raises(DataError, match="there are no artifacts in a"):
        choose([], RunRequest("a"))


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0},
        {"threshold": 5},
        {"budget_s": 0},
        {"detect": 0},
        {"detect": 1},
        {"threads": 0},
        {"cores": ()},
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="out of range"):
        RunRequest("a", **options)


def with_outputs(artifact: Artifact, *outputs: TensorSpec) -> Artifact:
    return Artifact(artifact.path, replace(artifact.manifest, outputs=outputs))


def test_what_is_kept_is_where_the_file_has_it(artifacts: list[Artifact]) -> None:
    features = TensorSpec("features", (1, 8), "float32", (0, 1))
    logits = TensorSpec("var_7", (10, 1), "float32", (1, 0), onnx="logits")
    named = [with_outputs(one, features, logits) for one in artifacts]
    plan = draft_plan("id", choose(named, RunRequest("a")), RunRequest("a"))
    evaluation = next(iter(plan.artifacts.values())).evaluation
    assert evaluation is not None
    whole = identity((10,))
    assert evaluation.outputs == (KeptOutput("logits", "logits", "var_7", 1, (1, 0), whole),)


def test_a_manifest_without_the_output_of_a_role_is_refused(artifacts: list[Artifact]) -> None:
    other = [with_outputs(one, TensorSpec("y", (1, 10), "float32", (0, 1))) for one in artifacts]
    with pytest.raises(InvalidFileError, match="has no output logits"):
        draft_plan("id", choose(other, RunRequest("a")), RunRequest("a"))


@pytest.mark.parametrize(("channels", "values"), [(1, (0.5,)), (3, (0.5,)), (3, (0.25, 0.5, 0.75))])
@pytest.mark.parametrize("last", [False, True])
def test_a_device_feeds_what_the_export_fed(
    artifacts: list[Artifact],
    channels: int,
    last: bool,
    values: tuple[float, ...],
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 6, 3), np.uint8)
    np.savez(tmp_path / "images.npz", images=pixels)
    shape = (1, 8, 6, channels) if last else (1, channels, 8, 6)
    preprocessing = Preprocessing(values, values)
    port = TensorInfo("x", shape, np.dtype(np.float32))
    exported = ImageSamples(pixels, port, preprocessing)
    source = next(one for one in artifacts if one.manifest.evaluation is not None)
    manifest = replace(
        source.manifest,
        inputs=(TensorSpec("x", shape, "float32", (0, 1, 2, 3)),),
        preprocessing=preprocessing,
    )
    evaluation = design._evaluation(Artifact(source.path, manifest))
    assert evaluation is not None
    entry = {
        **msgspec.to_builtins(evaluation),
        "file": "images.npz",
        "sha256": sha256(tmp_path / "images.npz"),
    }
    for one, other in zip(stored_inputs(np, str(tmp_path), entry), exported, strict=True):
        np.testing.assert_allclose(one[0], other["x"], atol=2e-6)
