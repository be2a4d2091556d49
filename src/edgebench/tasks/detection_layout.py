"""Which outputs of a detector hold what, and how they are laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from edgebench.errors import UsageError
from edgebench.tasks import anchors, roles
from edgebench.tasks.boxes import Format
from edgebench.tasks.reduction import Dtype, Reduction, RowRank, identity
from edgebench.tasks.task import Assignment, ModelOutput, PartOfOutput, RoleOutput, Signature

NAME = "detection"
BOXES, SCORES, CLASSES, COUNT, DETECTIONS = "boxes", "scores", "classes", "count", "detections"
ROLES = {
    BOXES: "images x rows x 4 (or 4 x rows)",
    SCORES: "images x rows x classes (or classes x rows); with `classes`, images x rows",
    CLASSES: "images x rows, the class of each box",
    COUNT: "images, how many rows are boxes",
    DETECTIONS: "images x rows x columns (or columns x rows): boxes and scores in one output",
}
DTYPES: dict[str, Dtype] = {BOXES: "float32", SCORES: "float32", CLASSES: "int32", COUNT: "int32"}

KEPT_ROWS = 1000
"""Of more rows the best are kept."""

NMS = 0.6
"""Boxes that come with a score for each class are still to be thinned out."""

MINIMUM_SCORE = 0.01
"""A box that was not thinned out has a score for every class; most of them are next to none."""

Offsets = Literal["offsets", "offsets-yx"]
"""Boxes that are given as offsets to anchors: of x, y, width and height, or y, x, height, width."""

OFFSETS = ("offsets", "offsets-yx")

Columns = Literal["box+scores", "box+objectness+scores", "box+score+class"]


@dataclass(frozen=True)
class DetectionLayout:
    """What the shapes do not say.

    `format` is that of the boxes: `xyxy` are left, top, right and bottom, `cxcywh` begin with the
    centre. `offsets` are such to `anchors`, which are described in `edgebench.tasks.anchors`, with
    the `variances` of centres and of sizes. `scale` says whether boxes are pixels of the model's
    input or parts of its width and height, which are `height` and `width`. `activation` is what is
    still to be applied to scores.
    With `background` the first or last class is none of the labels. `columns` are those of
    `detections`; an objectness multiplies the scores. `transposed` names the roles, joined by +,
    whose rows are on the last axis, or is "none"; it has to be given only where the shape of
    `detections` does not tell. `nms` is the IoU above which the worse of two boxes of a class goes
    (1: none goes), `score` what a score has to exceed, and `most` how many boxes an image keeps.
    """

    format: Format | Offsets = "xyxy"
    scale: Literal["pixels", "normalised"] = "pixels"
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    background: Literal["none", "first", "last"] = "none"
    columns: Columns | None = None
    transposed: str | None = None
    nms: float | None = None
    score: float | None = None
    most: int = 300
    height: int | None = None
    width: int | None = None
    anchors: str | None = None
    variances: str | None = None

    def rows_last(self, role: str) -> bool:
        """Whether a role's output has its rows on the last axis."""
        return role in (self.transposed or "").split("+")

    @property
    def fused_scores(self) -> int:
        """The first column of `detections` that is a score of a class."""
        return 5 if self.columns == "box+objectness+scores" else 4


def assign(signature: Signature, given: Mapping[str, str]) -> Assignment:
    """Assign a detector's outputs. Raises `UsageError` and `UnknownNameError`."""
    start = DetectionLayout()
    if signature.image is not None:
        start = replace(start, height=signature.image[0], width=signature.image[1])
    named, layout = roles.split(NAME, signature, given, ROLES, start)
    found = named or _likely(signature)
    layout = _with_anchors(layout)
    if layout.scale == "normalised" and (layout.height is None or layout.width is None):
        raise UsageError(
            "normalised boxes need the size of the model's input", "give height=... and width=..."
        )
    if DETECTIONS in found and len(found) == 1:
        kept, layout = _fused(found[DETECTIONS], layout, signature)
    elif BOXES in found and SCORES in found and DETECTIONS not in found:
        kept, layout = _apart(found, layout, signature)
    else:
        raise _misfit(signature)
    if layout.anchors is not None:
        _check_anchors(layout.anchors, kept, layout)
    raw = layout.columns != "box+score+class" and CLASSES not in found
    layout = replace(
        layout,
        nms=(NMS if raw else 1.0) if layout.nms is None else layout.nms,
        score=(MINIMUM_SCORE if raw else 0.0) if layout.score is None else layout.score,
    )
    return Assignment(NAME, tuple(kept), roles.stored(layout))


def _with_anchors(layout: DetectionLayout) -> DetectionLayout:
    """Offsets and anchors belong together. What comes of them is a part of the input's size."""
    if layout.format not in OFFSETS:
        if layout.anchors is not None or layout.variances is not None:
            raise UsageError(
                "anchors are for boxes that are given as offsets to them",
                "add format=offsets, or format=offsets-yx for y, x, height and width",
            )
        return layout
    if layout.anchors is None:
        raise UsageError(
            "offsets become boxes by anchors, and none are given",
            "add anchors=ROWSxCOLUMNS:WIDTHxHEIGHT+.../... (docs/tasks.md), or export the model "
            "with decoded boxes",
        )
    variances(layout)
    return replace(layout, scale="normalised")


def variances(layout: DetectionLayout) -> tuple[float, float]:
    """What the offsets of centres and those of sizes are multiplied by. Raises `UsageError`."""
    if layout.variances is None:
        return anchors.CENTRE_VARIANCE, anchors.SIZE_VARIANCE
    try:
        centre, size = map(float, layout.variances.split("+"))
    except ValueError:
        raise UsageError(
            f"'{layout.variances}' are no variances", "give two numbers, such as variances=0.1+0.2"
        ) from None
    return centre, size


def _check_anchors(text: str, kept: list[RoleOutput], layout: DetectionLayout) -> None:
    """Raise `UsageError` where there are not as many anchors as rows."""
    (one,) = (one for one in kept if one.role in (BOXES, DETECTIONS))
    rows = one.reduction.source[int(layout.rows_last(one.role))]
    levels = anchors.parse(text)
    if sum(map(len, levels)) != rows:
        counts = " + ".join(str(len(level)) for level in levels)
        raise UsageError(
            f"there are {counts} = {sum(map(len, levels))} anchors, and the output '{one.output}' "
            f"has {rows} rows",
            "give the cells and sizes of every map, in the order of the rows",
        )


def classes(assignment: Assignment) -> int | None:
    """How many labels have scores; None where boxes come with the number of one class each."""
    layout = roles.layout_of(assignment.layout, DetectionLayout)
    for role, first in ((SCORES, 0), (DETECTIONS, layout.fused_scores)):
        kept = assignment.reduction(role)
        if kept is None or len(kept.source) != 2 or layout.columns == "box+score+class":
            continue
        columns = kept.source[1 - int(layout.rows_last(role))]
        return columns - first - (layout.background != "none")
    return None


def kinds(assignment: Assignment) -> dict[str, Sequence[PartOfOutput]]:
    """Boxes and scores, where one output holds both."""
    layout = roles.layout_of(assignment.layout, DetectionLayout)
    found: dict[str, Sequence[PartOfOutput]] = {}
    for one in assignment.outputs:
        if one.role == DETECTIONS:
            rows_last = layout.rows_last(DETECTIONS)
            columns, axis = one.reduction.source[not rows_last], -1 - rows_last
            ends = [0, 4, 5, 6] if layout.columns == "box+score+class" else [0, 4, columns]
            found[one.output] = [PartOfOutput(axis, *pair) for pair in pairwise(ends)]
    return found


def _misfit(signature: Signature) -> UsageError:
    return roles.misfit(
        NAME,
        "boxes (images x rows x 4) and scores (images x rows x classes, or images x rows with "
        "classes), or both in one output",
        signature,
        "name them, such as boxes=NAME,scores=NAME or detections=NAME,columns=box+scores",
    )


def _likely(signature: Signature) -> dict[str, ModelOutput]:
    """The roles that the outputs' shapes leave no doubt of."""
    sides = {one: _sides(one, signature) for one in signature.outputs}
    boxes = [one for one in signature.outputs if len(sides[one]) == 2 and 4 in sides[one]]
    if not boxes and len(signature.outputs) == 1:
        return {DETECTIONS: signature.outputs[0]}
    if len(boxes) != 1:
        return {}
    rows = _rows(sides[boxes[0]])
    others = [one for one in signature.outputs if one is not boxes[0]]
    flat = [one for one in others if sides[one] == (rows,)]
    by_class = [one for one in others if len(sides[one]) == 2 and rows in sides[one]]
    counts = [one for one in others if sides[one] == ()]
    found = {BOXES: boxes[0]}
    if len(by_class) == 1 and not flat:
        found[SCORES] = by_class[0]
    elif not by_class and len(flat) == 1:
        found[SCORES] = flat[0]
    elif not by_class and sorted(one.floats for one in flat) == [False, True]:
        found[CLASSES], found[SCORES] = sorted(flat, key=lambda one: one.floats)
    if len(counts) == 1:
        found[COUNT] = counts[0]
    return found if len(found) == len(signature.outputs) else {}


def _sides(output: ModelOutput, signature: Signature) -> tuple[int, ...]:
    """An output's axes without the batch axis, which a batch of one may lack, and those of one."""
    has_batch = output.shape[:1] == (signature.batch,)
    return tuple(side for side in output.shape[has_batch:] if side != 1)


def _rows(boxes: tuple[int, ...]) -> int:
    """The number of rows of an output with four columns."""
    one, other = boxes
    return one if other == 4 else other


def _apart(
    found: Mapping[str, ModelOutput], layout: DetectionLayout, signature: Signature
) -> tuple[list[RoleOutput], DetectionLayout]:
    """Boxes and scores in outputs of their own."""
    sides = {role: _sides(one, signature) for role, one in found.items()}
    if len(sides[BOXES]) != 2 or 4 not in sides[BOXES]:
        raise _misfit(signature)
    rows = _rows(sides[BOXES])
    if CLASSES not in found and len(sides[SCORES]) == 1:
        sides[SCORES] = (*sides[SCORES], 1)  # There is one class.
    axes = 1 if CLASSES in found else 2
    fit = len(sides[SCORES]) == axes and rows in sides[SCORES]
    if not fit or sides.get(CLASSES, (rows,)) != (rows,):
        raise _misfit(signature)
    kept = [
        RoleOutput(role, one.name, identity(sides[role], DTYPES[role]))
        for role, one in found.items()
    ]
    turned = [role for role in (BOXES, SCORES) if len(sides[role]) > 1 and sides[role][0] != rows]
    layout = replace(layout, transposed="+".join(turned) or "none")
    if CLASSES in found:
        return [replace(one, ranked=one.role != COUNT) for one in kept], layout
    rank = _rank(SCORES, found[SCORES].name, sides[SCORES], layout)
    return [_best(one, rank, layout) if one.role != COUNT else one for one in kept], layout


def _fused(
    output: ModelOutput, layout: DetectionLayout, signature: Signature
) -> tuple[list[RoleOutput], DetectionLayout]:
    """Boxes and scores in one output."""
    sides = _sides(output, signature)
    if len(sides) != 2:
        raise _misfit(signature)
    widths: dict[Columns | None, int] = {"box+score+class": 6}
    if signature.classes is not None:
        scores = signature.classes + (layout.background != "none")
        widths |= {"box+scores": 4 + scores, "box+objectness+scores": 5 + scores}
    if layout.columns is None:
        fitting = [columns for columns, width in widths.items() if width in sides]
        if signature.classes is None or len(fitting) != 1:
            raise _misfit(signature)
        layout = replace(layout, columns=fitting[0])
    wide = widths.get(layout.columns)
    if layout.transposed is None:
        last = sides[1] != (wide or min(sides))  # There are more boxes than columns.
        layout = replace(layout, transposed=DETECTIONS if last else "none")
    width = sides[0] if layout.rows_last(DETECTIONS) else sides[1]
    if width != (wide or width) or width <= layout.fused_scores:
        raise _misfit(signature)
    one = RoleOutput(DETECTIONS, output.name, identity(sides))
    if layout.columns == "box+score+class":
        return [replace(one, ranked=True)], layout
    return [_best(one, _rank(DETECTIONS, output.name, sides, layout), layout)], layout


def _rank(
    role: str, output: str, sides: tuple[int, ...], layout: DetectionLayout
) -> RowRank | None:
    """By what the best rows are chosen; None where that takes more than the largest score."""
    objectness = layout.columns == "box+objectness+scores"
    if layout.anchors is not None:  # A row's place says which anchor it starts from.
        return None
    if layout.activation == "softmax" or (layout.activation == "sigmoid" and objectness):
        return None
    axis = int(layout.rows_last(role))
    first = layout.fused_scores if role == DETECTIONS else 0
    first += layout.background == "first"
    end = sides[1 - axis] - (layout.background == "last")
    return RowRank(output, (sides[0], sides[1]), axis, first, end, 4 if objectness else None)


def _best(one: RoleOutput, rank: RowRank | None, layout: DetectionLayout) -> RoleOutput:
    """The same with its best rows alone, where there are many."""
    source, axis = one.reduction.source, int(layout.rows_last(one.role))
    if rank is None or source[axis] <= KEPT_ROWS:
        return one
    shape = tuple(KEPT_ROWS if place == axis else side for place, side in enumerate(source))
    reduction = Reduction(
        "top_rows", source, shape, "float32", axis=axis, count=KEPT_ROWS, rank=rank
    )
    return replace(one, reduction=reduction)
