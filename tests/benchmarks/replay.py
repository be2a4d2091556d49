"""A device that replays: the same interface as the real ones, with results that are known exactly.

`make_artifacts` writes artifacts without models in them (a replay runs nothing), with evaluation
files whose accuracies are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edgebench import tasks
from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.pilot import PILOT
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.converters.artifact import (
    Evaluation,
    Hop,
    Manifest,
    Preprocessing,
    TensorSpec,
    file_name,
    manifest_path,
)
from edgebench.deploy.documents.plan import Plan, PlannedBlock
from edgebench.deploy.documents.result import (
    Context,
    EvaluationResult,
    MeasuredBlock,
    Profile,
    Readings,
    RunResult,
    Runtime,
    Turn,
    WarmedUp,
)
from edgebench.deploy.documents.staging import RESULT, plan_hash, read_plan
from edgebench.documents import save, sha256
from edgebench.intervals import share
from edgebench.progress import Progress
from edgebench.tasks.task import ModelOutput, Signature

Replay = Callable[..., Comparison]

IMAGES = 400
CLASSES = 10
TASK = tasks.get("classification").assign(
    Signature((ModelOutput("logits", (1, CLASSES)),), image=(4, 4)), {}
)
START = 1_790_000_000.0


@dataclass(frozen=True)
class Toy:
    """A made-up model: its baseline, cost on paper, and accuracy in torch and on the device."""

    model: str
    baseline: str
    madds: int
    parameters: int
    weights: str = "trained"
    accuracy: float = 0.85


TOYS = (
    Toy("scenes_v2", "scenes_v2", 20_000_000, 700_000, accuracy=0.85),
    Toy("scenes_v2_se", "scenes_v2", 20_100_000, 780_000, accuracy=0.86),
    Toy("scenes_v2_ca", "scenes_v2", 20_500_000, 800_000, accuracy=0.90),
)


def make_artifacts(
    folder: Path,
    toys: Sequence[Toy] = TOYS,
    precisions: Sequence[str] = ("fp32", "int8"),
    form: str = "tflite",
) -> None:
    """Write artifacts, manifests and evaluation files; other formats bring outputs of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(IMAGES) % CLASSES
    images = np.zeros((IMAGES, 4, 4, 3), np.uint8)
    np.savez(folder / "evaluation.npz", images=images, labels=labels)
    for toy in toys:
        reference = folder / f"{toy.model}.reference.npz"
        np.savez(reference, logits=logits(labels, toy.accuracy))
        evaluation = Evaluation(
            task=TASK,
            inputs="evaluation.npz",
            inputs_sha256=sha256(folder / "evaluation.npz"),
            reference=reference.name,
            reference_sha256=sha256(reference),
            samples=IMAGES,
        )
        if form != "tflite":
            outputs = folder / f"{toy.model}.outputs.npz"
            np.savez(outputs, logits=logits(labels, toy.accuracy)[: IMAGES // 2])
            evaluation = replace(evaluation, outputs=outputs.name, outputs_sha256=sha256(outputs))
        for precision in precisions:
            _write_artifact(folder, toy, precision, evaluation, form)


def _write_artifact(
    folder: Path, toy: Toy, precision: str, evaluation: Evaluation, form: str
) -> None:
    path = folder / file_name(toy.model, precision, form)
    path.write_bytes(f"{toy.model} {precision}".encode() * 100)
    trained = toy.weights == "trained"
    hops = (
        Hop("torch -> ONNX", 64, 2e-6, 118.0, share(64, 64), None, "max abs error 1e-4"),
        Hop("ONNX -> TFLite fp32", 64, 8e-6, 104.0, share(64, 64), None, "max abs error 1e-3"),
    )
    if precision == "int8":
        hops += (Hop("TFLite fp32 -> int8", 64, 0.31, 26.0, share(62, 64), None, ""),)
    manifest = Manifest(
        model=toy.model,
        baseline=toy.baseline,
        format=form,
        precision=precision,
        file=path.name,
        sha256=sha256(path),
        size_bytes=3_000_000 if precision == "fp32" else 900_000,
        weights=toy.weights,
        weights_sha256="0" * 64,
        inputs=(TensorSpec("image", (1, 4, 4, 3), "float32", (0, 2, 3, 1)),),
        outputs=(TensorSpec("logits", (1, CLASSES), "float32", (0, 1)),),
        preprocessing=Preprocessing((0.5,) * 3, (0.25,) * 3),
        labels=None,
        parameters=toy.parameters,
        madds=toy.madds,
        hops=hops if trained else (),
        calibration=None,
        evaluation=evaluation if trained else None,
        maker="tensorflow 2.21.0",
        tools={"torch": "2.13.0"},
        command=f"edgebench export {toy.model} --to {form}:{precision}",
        fingerprint=f"{toy.model} {precision}",
    )
    save(manifest_path(path), manifest)


def logits(labels: np.ndarray, accuracy: float) -> np.ndarray:
    """Logits of which exactly the first `accuracy` of the images are right."""
    right = np.arange(labels.size) < round(accuracy * labels.size)
    chosen = np.where(right, labels, (labels + 1) % CLASSES)
    return np.where(chosen[:, None] == np.arange(CLASSES), 4.0, 0.0).astype(np.float32)


@dataclass
class ReplayedDevice:
    """Answers a plan with made-up samples.

    `latency_s` is by slot; `noise` is the standard deviation of log times, `drift` the machine's
    slow-down over the whole run. `errors` makes slots fail, `outputs_accuracy` sets what comes
    back by slot, `blocks` stops the run after as many, and `pilot_blocks` its pilot.
    """

    latency_s: Mapping[str, float]
    noise: float = 0.01
    drift: float = 0.0
    errors: Mapping[str, str] = field(default_factory=dict)
    outputs_accuracy: Mapping[str, float] = field(default_factory=dict)
    partitions: Mapping[str, int] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    layer_types: Mapping[str, dict[str, int]] = field(default_factory=dict)
    blocks: int | None = None
    pilot_blocks: int | None = None
    core_share: float = 1.0
    steal_share: float = 0.0
    throttled: bool | None = None
    name: str = "replayed"
    formats: tuple[str, ...] = ("tflite",)
    description: str = "a device that replays"

    def run(self, folder: Path, progress: Progress) -> RunResult:
        plan = read_plan(folder)
        chance = np.random.default_rng(plan.seed)
        limit = self.pilot_blocks if folder.name == PILOT else self.blocks
        blocks = [self._block(plan, planned, chance) for planned in plan.blocks[:limit]]
        evaluations = {slot: self._evaluation(slot, folder) for slot in plan.artifacts}
        seconds = 2 * len(blocks) + 1
        result = RunResult(
            plan_sha256=plan_hash(folder),
            started="2026-11-21T06:00:00Z",
            updated=f"2026-11-21T06:{seconds // 60:02}:{seconds % 60:02}Z",
            complete=len(blocks) == len(plan.blocks) and not self.errors,
            context=CONTEXT,
            evaluations=evaluations,
            blocks=tuple(block for block in blocks),
        )
        save(folder / RESULT, result)
        progress("measuring blocks", len(blocks), len(plan.blocks))
        return result

    def _evaluation(self, slot: str, folder: Path) -> EvaluationResult:
        if slot in self.errors:
            return EvaluationResult(error=self.errors[slot])
        outputs = None
        if slot in self.outputs_accuracy:
            labels = np.arange(IMAGES) % CLASSES
            outputs = {"logits": f"outputs/{slot}/logits.npy"}
            path = folder / outputs["logits"]
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, logits(labels, self.outputs_accuracy[slot]) * np.float32(0.99))
        parts = self.partitions.get(slot, 1)
        leftover = ("SPLIT_V",) if parts > 1 else ()
        profile = self.profiles.get(slot)
        types = self.layer_types.get(slot)
        return EvaluationResult(
            None,
            *(0.004, 0.002, 9_500_000, outputs, None, parts, leftover, profile, types),
            operators={"xnnpack": 40, "cpu": len(leftover)} if parts else None,
        )

    def _block(
        self, plan: Plan, planned: PlannedBlock, chance: np.random.Generator
    ) -> MeasuredBlock:
        begin = START + 2.0 * planned.index
        progress = planned.index / max(len(plan.blocks) - 1, 1)
        length = next(one.turn for one in plan.groups if one.name == planned.group)

        def times_ns(slot: str, count: int) -> tuple[int, ...]:
            level = self.latency_s[slot.removesuffix(AGAIN)] * (1 + self.drift * progress)
            times = level * np.exp(chance.normal(0, self.noise, count)) * 1e9
            return tuple(int(one) for one in times)

        turns, warmups = [], {}
        for slot in planned.order:
            if slot not in self.errors:
                warmups.setdefault(slot, WarmedUp(slot, True, times_ns(slot, 6)))
                ns = times_ns(slot, length.samples)
                turns.append(Turn(slot, ns[: length.dropped], ns[length.dropped :]))
        before, after = self._readings(begin), self._readings(begin + 2.0)
        return MeasuredBlock(
            planned.index,
            planned.process,
            planned.group,
            None,
            before,
            after,
            tuple(warmups.values()),
            tuple(turns),
        )

    def _readings(self, unix_s: float) -> Readings:
        elapsed = unix_s - START
        own = elapsed * self.core_share
        return replace(
            QUIET,
            unix_s=unix_s,
            busy_s=own,
            own_s=own,
            steal_s=elapsed * CONTEXT.core_count * self.steal_share,
            throttled=self.throttled,
        )


QUIET = Readings(
    unix_s=START,
    frequencies_khz={"cpu0": 2_400_000},
    governors=("performance",),
    temperatures_c={"thermal_zone0": 45.0},
    thermal_status=None,
    throttled=None,
    battery_percent=None,
    charging=None,
    load_1min=0.5,
    running=1,
    busy_s=0.0,
    steal_s=0.0,
    own_s=0.0,
    core=0,
    time_in_state_s=None,
    probe_ns=None,
)
CONTEXT = Context(
    runtimes={"tflite": Runtime("ai-edge-litert", "2.3.0")},
    python="3.11.7",
    numpy="2.3.5",
    system="Linux",
    kernel="6.1.0",
    machine="aarch64",
    cpu_model="Cortex-A76",
    core_count=4,
    cores=(0, 1, 2, 3),
    threads=1,
    delegate="xnnpack",
)
