"""Precisions of one format that share a form of the graph are converted together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edgebench.content import Content
from edgebench.converters import targets
from edgebench.converters.adjusting import adjust
from edgebench.converters.backend import Instructions
from edgebench.converters.export import examples, own_ranges, proof, trial
from edgebench.converters.export.calibration import IN_FILE
from edgebench.converters.export.float_nodes import float_nodes, joining
from edgebench.converters.export.trial import ChosenRanges
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.pipelines import Formed, Pipeline, formed
from edgebench.converters.precision import MixedPrecision, RangeMethod
from edgebench.converters.ranges import named
from edgebench.converters.targets import Target
from edgebench.errors import DataError, EdgeBenchError, as_known
from edgebench.progress import Progress
from edgebench.tasks.task import Assignment


@dataclass(frozen=True)
class Batch:
    """Targets of one format whose passes came to the same, and the content for each.

    `ranges` says how those of each target were chosen.

    `float32` is the content in float32, which is proved whether it was asked for or not.
    """

    format: str
    form: Formed
    pipeline: Pipeline
    contents: Mapping[Target, Content]
    ranges: Mapping[Target, ChosenRanges]
    float32: Content


def convert(
    graph: OnnxGraph,
    pipelines: Mapping[Target, Pipeline],
    data: examples.ExampleSet,
    instructions: Instructions,
    asked: RangeMethod | None,
    task: Assignment | None,
    progress: Progress,
) -> tuple[list[Batch], dict[Target, EdgeBenchError]]:
    """The content for each target, with what it can hold of the preprocessing and the labels.

    Precisions of one format whose passes came to the same are converted together. `asked` is how
    ranges are chosen, None for what does best, of outputs as `task` reads them.
    """
    forms = {
        target: _form(graph, target, pipeline, data, task) for target, pipeline in pipelines.items()
    }
    together: dict[tuple[str, tuple[str, ...], MixedPrecision | None], list[Target]] = {}
    for target, form in forms.items():
        together.setdefault((target.format, form.passes, target.mix), []).append(target)
    converted: list[Batch] = []
    failed: dict[Target, EdgeBenchError] = {}
    groups = list(together.values())
    for group in groups:
        form, pipeline = forms[group[0]], pipelines[group[0]]
        try:
            converted.append(
                _together(group, form, pipeline, data, instructions, asked, task, progress)
            )
        except Exception as error:
            if len(group) == 1:
                failed[group[0]] = as_known(error)
            else:  # Then each by itself, to know which of them it was.
                groups += [[target] for target in group]
    return converted, failed


def _form(
    graph: OnnxGraph,
    target: Target,
    pipeline: Pipeline,
    data: examples.ExampleSet,
    task: Assignment | None,
) -> Formed:
    """The graph in the target's form, with the exceptions of its precision."""
    form = formed(graph, pipeline)
    if data.source == IN_FILE:
        if adjust.wanted(target):
            raise DataError(
                f"{target} is adjusted by what layers make of calibration data, and there is none",
                "give a folder of images (or of .npz files by input name) with --calibration",
            )
        form = replace(form, graph=own_ranges.completed(form.graph))
    kept = form.graph.float_nodes | joining(task, form.graph)
    if target.mix is None:
        return replace(form, graph=replace(form.graph, float_nodes=kept))
    kept |= float_nodes(target.mix, form.graph)
    changed = adjust.same_function(form.graph, target.mix, data.calibration)
    return replace(form, graph=replace(changed, float_nodes=kept))


def _together(
    group: Sequence[Target],
    form: Formed,
    pipeline: Pipeline,
    data: examples.ExampleSet,
    instructions: Instructions,
    asked: RangeMethod | None,
    task: Assignment | None,
    progress: Progress,
) -> Batch:
    backend = targets.backend(group[0].format)
    own = group[0].mix.ranges if group[0].mix else None
    tried = {
        target: trial.methods(target, form.graph, own or asked, data.tuning) for target in group
    }
    # What is adjusted is converted by itself; here only to choose between several ways.
    names = [
        named(target.base, one)
        for target, ways in tried.items()
        if len(ways) > 1 or not adjust.wanted(target)
        for one in ways
    ]
    names = list(dict.fromkeys((proof.FLOAT32, *names)))
    files = backend.convert(form.graph, names, data.calibration, instructions, progress)
    ranges = {
        target: trial.choose(target, form.graph, files, ways, data.tuning, task)
        for target, ways in tried.items()
    }

    def content(target: Target) -> Any:
        name = named(target.base, ranges[target].method)

        def converted(changed: OnnxGraph) -> Any:
            made = backend.convert(changed, [name], data.calibration, instructions, progress)
            return made[name]

        if not adjust.wanted(target):
            return files[name]
        return adjust.adjusted(target, form.graph, data.calibration, converted)

    contents = {target: content(target) for target in group}
    if data.source == IN_FILE:
        for target, made in contents.items():
            if target.needs_calibration:
                own_ranges.require_all(target, form.graph, made)
    if instructions.detector is None:  # Otherwise it is described when it is whole.
        what = instructions.preprocessing, instructions.labels
        contents = {
            target: backend.describe(form.graph, content, *what)
            for target, content in contents.items()
        }
    float32 = contents.get(Target(group[0].format, proof.FLOAT32), files[proof.FLOAT32])
    return Batch(group[0].format, form, pipeline, contents, ranges, float32)
