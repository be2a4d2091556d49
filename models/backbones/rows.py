"""Rows of the zoo, as backbones write them. Needs no framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from edgebench.models.spec import ModelSpec, Published


class Row(NamedTuple):
    """What differs among the models of one backbone, data set and input size; see `ModelSpec`."""

    name: str
    attention: str
    placement: str
    reduction: int | None
    width: float
    parameters: int
    madds: int
    multiplies: int


def specs(
    backbone: str,
    rows: Sequence[Row],
    data: str,
    input_size: int,
    num_classes: int,
    published: Mapping[str, Published],
) -> Iterator[ModelSpec]:
    """The rows as models. The baseline of each is the row of its width without attention.

    Weights of models that are trained on anything but ImageNet are shipped under their names.
    """
    baselines = {row.width: row.name for row in rows if row.attention == "none"}
    for row in rows:
        yield ModelSpec(
            name=row.name,
            backbone=backbone,
            attention=row.attention,
            placement=row.placement,
            width=row.width,
            reduction=row.reduction,
            input_size=input_size,
            num_classes=num_classes,
            baseline=baselines[row.width],
            data=data,
            parameters=row.parameters,
            madds=row.madds,
            published=published.get(row.name),
            checkpoint=None if data == "imagenet" else row.name,
            multiplies=row.multiplies,
        )
