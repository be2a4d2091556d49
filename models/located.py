"""The feed of a detector's or segmenter's training, and what its network scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from edgebench import tasks
from edgebench.errors import UsageError
from edgebench.models.backbones.heads.headed import Headed
from edgebench.models.backbones.heads.meaning import meaning_of, pixels
from edgebench.models.data import datasets, imagefolder
from edgebench.models.data.coco import Coco
from edgebench.models.data.dataset import Array, Examples
from edgebench.models.data.images import normalise
from edgebench.models.data.located_feeds import (
    Channels,
    LocatedFeed,
    LocatedPictures,
    LocatedScenes,
    Targets,
)
from edgebench.models.data.training_pictures import coco_pictures, voc_pictures
from edgebench.models.data.voc import Voc
from edgebench.models.kinds import DETECTION
from edgebench.models.spec import ModelSpec
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment, ModelOutput, Score, Signature

_BATCH = 50


def assignment(spec: ModelSpec, outputs: Mapping[str, tuple[int, ...]]) -> Assignment:
    """How the outputs of a model with a head are read, from their shapes by name."""
    meaning = meaning_of(spec)
    assert meaning is not None
    ports = tuple(ModelOutput(name, shape) for name, shape in outputs.items())
    signature = Signature(ports, (spec.input_size,) * 2)
    return tasks.get(meaning.task).assign(signature, meaning.words)


def feed_for(
    data: str, spec: ModelSpec, *, batch_size: int, scenes_per_epoch: int, seed: int, workers: int
) -> LocatedFeed:
    """The feed that `--data` names: scenes, COCO's or VOC's folders.

    Raises `UsageError` for data without labels for the model's task, `DataError` for what cannot
    be trained on.
    """
    meaning = meaning_of(spec)
    assert meaning is not None
    targets = Targets(spec.input_size, meaning.words.get("anchors"))
    if data == "scenes":
        if spec.data != "scenes":
            raise UsageError(
                f"{spec.name} has the classes of {spec.data.upper()}, and the scenes are digits",
                f"train {spec.head}_scenes_v2, or give data with --data",
            )
        return LocatedScenes(spec.task, targets, scenes_per_epoch, batch_size, seed)
    opened = datasets.open_data(data) if datasets.is_named(data) else None
    if isinstance(opened, Coco) and spec.task == DETECTION:
        found = coco_pictures(opened, spec)
    elif isinstance(opened, Voc):
        found = voc_pictures(opened, spec)
    else:
        known = "scenes, coco:IMAGES,ANNOTATIONS.json, voc:PATH"
        raise UsageError(f"'{data}' holds no labels for {spec.task}", f"known: {known}")
    mean, std = pixels(spec) or (imagefolder.MEAN, imagefolder.STD)
    return LocatedPictures(
        source=found.source,
        task=spec.task,
        targets=targets,
        count=found.count,
        load=found.load,
        test=found.test,
        identity=found.identity,
        batch_size=batch_size,
        seed=seed,
        workers=workers,
        mean=mean,
        std=std,
    )


def score(
    module: nn.Module, spec: ModelSpec, feed: LocatedFeed, device: torch.device
) -> Score | None:
    """The figures of a network on its feed's test images, as its task has them; None without any.

    The network is left in the mode that it was in.
    """
    examples = feed.evaluation()
    if examples is None or not len(examples):
        return None
    was_training = module.training
    module.eval()
    try:
        return scored(module, spec, examples, feed.mean, feed.std, device)
    finally:
        module.train(was_training)


def scored(
    module: nn.Module,
    spec: ModelSpec,
    examples: Examples,
    mean: Channels,
    std: Channels,
    device: torch.device,
) -> Score | None:
    """The figures of a network in evaluation mode on labelled images, whose classes are the
    model's."""
    task, labels = tasks.get(spec.task), dict(examples.labels)
    truth = task.truth(labels)
    names = cast(Headed, module).outputs  # Which one that is trained to be rounded has, too.
    tally = None
    for start in range(0, len(examples), _BATCH):
        part = slice(start, start + _BATCH)
        images = torch.from_numpy(normalise(examples.images[part], mean, std))
        with torch.inference_mode():
            made = module(images.to(device, memory_format=torch.channels_last))
        named: dict[str, Array] = {
            name: one.float().cpu().numpy() for name, one in zip(names, made, strict=True)
        }
        shapes = {name: (1, *array.shape[1:]) for name, array in named.items()}
        read = assignment(spec, shapes)
        tally = tally or task.tally(read)
        assert tally is not None
        kept = {one.role: reduce(one.reduction, one.output, named) for one in read.outputs}
        tally.add(kept, truth.part(start, min(start + _BATCH, len(examples))))
    return None if tally is None else tally.score()
