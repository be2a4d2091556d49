"""Which attention is more accurate? Trains what is not recorded yet, and shows what is known.

    python -m edgebench.commands.attention [--recipe NAME] [--kinds KIND,...] [--seeds N]

Every kind is trained with every seed. Trainings with the same seed begin with the same weights,
where they share any, and see the same images in the same order, so that they are compared pair by
pair. Each training that ends is a line of the records' file. The command may be interrupted or
killed at any moment and goes on where it stopped, at the training under way too. The recipes that
end in `_gpu` train many networks at once on a CUDA device, in minutes. A processor takes hours for
the same networks; each of its --jobs trains one seed of every kind.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgebench import arguments, console
from edgebench.commands.attention import page
from edgebench.commands.common.exits import INTERRUPTED
from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.errors import EdgeBenchError, UnknownNameError, UsageError
from edgebench.models import registry
from edgebench.models.kinds import KINDS as KNOWN
from edgebench.models.trial import records
from edgebench.models.trial.recipe import KINDS, RECIPES, GpuRecipe
from edgebench.models.trial.series import TrialSeries, carry_out, chosen, left, of_recipe

COMMAND = "python -m edgebench.commands.attention"


@dataclass(frozen=True)
class AttentionOptions:
    """What is to be trained, and where it is recorded."""

    recipe: str = "resnet18"
    kinds: tuple[str, ...] = KINDS
    seeds: int = 8
    records: Path = records.FILE
    states: Path = Path("trial")
    weights: Path | None = None
    device: str = "auto"
    jobs: int = 1
    show: bool = False
    json: bool = False
    page: Path | None = None


def main(words: Sequence[str] | None = None) -> int:
    """Train what is left, unless --show, and print the table."""
    options = _options(words)
    try:
        series = _series(options)
        if not options.show:
            _train(series, options.jobs)
        found = of_recipe(records.load(options.records), series.recipe)
        if options.json:
            print(json.dumps([asdict(one) for one in found], indent=1))
        else:
            page.show(found, series)
        if options.page is not None:
            every = records.load(options.records)
            console.save(options.page, page.markdown(every, options.page.stem))
            for name, svg in page.pictures(every, options.page.stem).items():
                console.save(options.page.with_name(name), svg)
        return 0
    except EdgeBenchError as error:
        console.explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("interrupted; the same command goes on")
        return INTERRUPTED


def _series(options: AttentionOptions) -> TrialSeries:
    if options.recipe not in RECIPES:
        raise UnknownNameError("recipe", options.recipe, RECIPES)
    recipe = RECIPES[options.recipe]
    for kind in options.kinds:
        if not registry.known(recipe.model(kind)):
            raise UnknownNameError("attention", kind, ("none", *KNOWN))
    kinds = tuple(dict.fromkeys(("none", *options.kinds)))
    on_gpu = isinstance(recipe, GpuRecipe) and chosen(options.device).type == "cuda"
    if on_gpu and options.jobs > 1:
        raise UsageError(
            f"a GPU trains the networks of {recipe.name} together, in one process",
            "leave out --jobs",
        )
    if not isinstance(recipe, GpuRecipe) and options.weights is not None:
        raise UsageError(
            f"the recipe {recipe.name} keeps no weights",
            "leave out --weights, or take a recipe that ends in _gpu",
        )
    return TrialSeries(
        recipe,
        kinds,
        options.seeds,
        options.records,
        options.states,
        options.device,
        weights=options.weights,
    )


def _train(series: TrialSeries, jobs: int) -> None:
    todo = left(series)
    total = len(series.kinds) * series.seeds
    console.say(f"{len(todo)} of {total} trainings are left")
    if not todo:
        return
    parts = [replace(series, part=number, parts=jobs) for number in range(jobs)]
    with console.shown_progress() as progress:
        if jobs == 1:
            carry_out(series, progress)
            return
        found = Pool(carry_out, jobs).run(parts, lambda _, *step: progress(*step))
    for one in found:
        if isinstance(one, Failure):
            raise EdgeBenchError(one.message, one.remedy)


def _options(words: Sequence[str] | None) -> AttentionOptions:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.partition("\n")[0])
    add = arguments.adder(parser, AttentionOptions)
    add("--recipe", metavar="NAME", help=f"what is trained: {' or '.join(RECIPES)}")
    help_ = "kinds of attention, such as ca or ca_late, each compared with none"
    add("--kinds", type=arguments.names, metavar="KIND,...", help=help_)
    add("--seeds", type=arguments.positive, metavar="N", help="trainings of each kind")
    add("--records", type=Path, metavar="FILE", help="file that each training is added to")
    help_ = "folder for the state of the training under way"
    add("--states", type=Path, metavar="DIR", help=help_)
    help_ = "folder to keep the trained weights in, as checkpoints; of a GPU's recipe"
    add("--weights", type=Path, metavar="DIR", help=help_)
    add("--device", choices=("auto", "cpu", "cuda"), help="processor to train on")
    help_ = "trainings at once, in processes"
    add("--jobs", type=arguments.positive, metavar="N", help=help_)
    add("--show", action="store_true", help="train nothing")
    add("--json", action="store_true", help="print the records as JSON")
    help_ = "also write the documentation's page and its pictures"
    add("--page", type=Path, metavar="FILE.md", help=help_)
    return arguments.read(AttentionOptions, parser.parse_args(words))


if __name__ == "__main__":
    sys.exit(main())
