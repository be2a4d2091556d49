"""`edgebench models`: list the models of the zoo."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgebench import arguments, console, tasks

if TYPE_CHECKING:
    from edgebench.models.manifest import Checkpoint
    from edgebench.models.spec import ModelSpec

HELP = "list the models of the zoo"

EXAMPLES = """\
  edgebench models
  edgebench models --json
"""


@dataclass(frozen=True)
class ModelsOptions:
    """How to list them."""

    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, ModelsOptions)
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> ModelsOptions:
    return arguments.read(ModelsOptions, namespace)


def execute(options: ModelsOptions) -> int:
    from edgebench.models.kinds import HEADED, KINDS
    from edgebench.models.registry import MODELS

    if options.json:
        print(json.dumps([_record(spec) for spec in MODELS.values()], indent=1))
        return 0
    columns = ("model", "attention", ">px", ">params", ">MAdds", ">published", ">trained")
    for headed in (False, True):
        table = console.table(*columns)
        for spec in MODELS.values():
            if (spec.head is not None) == headed:
                table.add_row(*_cells(spec))
        console.show(table)
    print("params, MAdds: in millions. published: the paper's own, and ImageNet top-1,")
    print("COCO's AP or VOC's mIoU.")
    print("own: the attention that the backbone has by itself.")
    print("Any other attention in any of these: a name of the form BACKBONE_KIND, such as")
    print("resnet18_ela, resnet18_ela_late or mobilenet_v3_small_ca_r16_output. Kinds:")
    print(", ".join(KINDS) + ".")
    print("A detector or segmenter: ssdlite_, deeplabv3_ or lraspp_ before such a name, of")
    print(", ".join(HEADED) + ".")
    print("trained: of the checkpoint shipped here; - is for latency alone.")
    if any(map(_is_absent, MODELS.values())):
        print("absent: the checkpoint is only in the source repository. Take it from its")
        print("folder models/checkpoints and export with --weights FILE.")
    for attention, note in {m.attention: m.note for m in MODELS.values() if m.note}.items():
        print(f"{attention}: {note}.")
    return 0


def _checkpoint(spec: ModelSpec) -> Checkpoint | None:
    from edgebench.models import manifest

    weights = manifest.shipped(spec.checkpoint) if spec.checkpoint else None
    return manifest.of(weights) if weights else None


def _is_absent(spec: ModelSpec) -> bool:
    """Whether the model has a checkpoint that this installation does not have."""
    return spec.checkpoint is not None and _checkpoint(spec) is None


def _record(spec: ModelSpec) -> dict[str, object]:
    found = _checkpoint(spec)
    trained: dict[str, object] | None = None
    if found is not None and found.accuracy is not None:
        trained = {"accuracy": asdict(found.accuracy)}
    if found is not None and found.score is not None:
        trained = {"score": asdict(found.score)}
    return {**asdict(spec), "note": spec.note, "trained": trained}


def _cells(spec: ModelSpec) -> tuple[str, ...]:
    attention = spec.attention if spec.reduction is None else f"{spec.attention} r={spec.reduction}"
    return (
        spec.name,
        attention + (f" {spec.placement}" if spec.placement != "expanded" else ""),
        str(spec.input_size),
        f"{spec.parameters / 1e6:.2f}",
        f"{spec.madds / 1e6:.{1 if spec.madds < 1e9 else 0}f}",
        _published(spec),
        _trained(spec),
    )


def _trained(spec: ModelSpec) -> str:
    if _is_absent(spec):
        return "absent"
    found = _checkpoint(spec)
    if found is not None and found.score is not None:
        column = tasks.get(spec.task).figures[0]
        return f"{column.heading} {100 * found.score.figures[column.id].value:.1f}"
    return f"{100 * found.accuracy.top1:.1f} %" if found and found.accuracy else "-"


def _published(spec: ModelSpec) -> str:
    paper = spec.published
    if paper is None:
        return ""
    madds = "" if paper.madds_m is None else f" {paper.madds_m:.0f}"
    score = paper.score if paper.top1 is None else f"{paper.top1} %"
    return f"{paper.parameters_m}{madds} {score}".rstrip()
