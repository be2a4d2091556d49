"""`edgebench explain`: where a model's overhead comes from, by stage and by operation."""

from __future__ import annotations

import argparse
from dataclasses import replace

from edgebench.commands import run
from edgebench.commands.common import measure_options, reporting
from edgebench.commands.run import RunOptions
from edgebench.errors import UsageError

HELP = "show where a model's overhead comes from"

EXAMPLES = """\
  edgebench explain mobilenet_v2_ca            the cost of each attention stage
  edgebench explain scenes_v2_ca --precisions int8 --html
"""

PRECISIONS = ("fp32", "int8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    measure_options.add_models(parser, unnamed=())
    measure_options.add_files(parser, PRECISIONS)
    measure_options.add_setting(parser, profiled=False)
    measure_options.add_runs(parser)
    reporting.add_arguments(parser)


def options(namespace: argparse.Namespace) -> RunOptions:
    return run.options(namespace)


def execute(options: RunOptions) -> int:
    """A run with each model's ablations beside it, and with the runtime's profile."""
    asked = options.measure
    if asked.resume is None:
        models = _with_ablations(asked.models or ())
        precisions = asked.precisions or PRECISIONS
        asked = replace(asked, models=models, precisions=precisions, profile=True)
    return run.execute(replace(options, measure=asked))


def _with_ablations(models: tuple[str, ...]) -> tuple[str, ...]:
    """The models, each followed by itself without one stage's attention. Raises `UsageError`."""
    from edgebench.models import ablated, registry

    if not models:
        raise UsageError("explain needs a model", "name one, such as mobilenet_v2_ca")
    names: list[str] = []
    for model in models:
        stages = ablated.stages(registry.get(model))
        if not stages:
            raise UsageError(
                f"{model} has no attention, so no overhead to explain",
                "name a model with attention, such as mobilenet_v2_ca",
            )
        names += [model, *(ablated.name(model, stage) for stage in stages)]
    return tuple(names)
