"""`edgebench explain`: where a model's overhead comes from, stage by stage and operation by one."""

from __future__ import annotations

import argparse

from edgebench.commands import report, run
from edgebench.errors import UsageError

HELP = "say where a model's overhead comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run.add_models(parser, otherwise=())
    run.add_setting(parser)
    run.add_resume(parser)
    report.add_outputs(parser)
    parser.set_defaults(precisions="fp32,int8", profile=True)


def execute(options: argparse.Namespace) -> int:
    """A run with each model's ablations beside it, and with the runtime's profile."""
    options.models, options.model = _with_ablations(run.named_models(options)), []
    return run.execute(options)


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
