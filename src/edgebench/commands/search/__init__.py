"""`edgebench search`: choose attention by what it costs on a device and what it gains."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from edgebench.benchmarks.search.document import SearchDocument, SearchRequest

HELP = "find the attention that gains the most accuracy for its time on a device"

EXAMPLES = """\
  edgebench search mobilenet_v2                int8 on this machine, 10 %
  edgebench search resnet18 --device pixel7 --budget 5% --kinds se,eca,ca
  edgebench search mobilenet_v2_w050_s96 --data imagefolder:flowers/ --html
  edgebench search mobilenet_v2 --out search   continue an interrupted search
"""

DOCUMENT = "search.json"
PAGE = "search.html"


@dataclass(frozen=True)
class SearchOptions:
    """What is searched, and where its files go."""

    backbone: str
    device: str = "local"
    target: str = "tflite:int8"
    budget: float = 0.1
    kinds: tuple[str, ...] = ("se", "eca", "ca", "ela", "simam")
    paper: str = "ca"
    data: str = "scenes"
    candidates: int = 8
    epochs: int = 10
    seeds: int = 1
    threads: int = 1
    measure_s: float = 90.0
    out: Path = Path("search")
    html: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [options] BACKBONE"
    add = arguments.adder(parser, SearchOptions)
    help_ = "model without attention, such as mobilenet_v2 or resnet18_w050_s96"
    parser.add_argument("backbone", metavar="BACKBONE", help=help_)
    add("--device", metavar="NAME", help="device to measure on")
    add("--to", dest="target", metavar="F:P", help="format and precision that is measured")
    help_ = "largest overhead over the backbone"
    add("--budget", type=arguments.fraction, metavar="PERCENT", help=help_)
    add("--kinds", type=arguments.names, metavar="K,K", help="kinds of attention to try")
    help_ = "kind whose published placement is measured and trained to compare with"
    add("--paper", metavar="KIND", help=help_)
    add("--threads", type=arguments.positive, metavar="N", help="threads of the runtime")
    help_ = "time of each of the two measurements"
    add("--measure", dest="measure_s", type=arguments.seconds, metavar="TIME", help=help_)
    add("--out", type=Path, metavar="DIR", help="folder of the search, which it goes on from")
    add("--html", action="store_true", help=f"also write {PAGE} into that folder")
    add("--json", action="store_true", help="print what was found as JSON")

    add = arguments.adder(parser.add_argument_group("training"), SearchOptions)
    add("--data", metavar="DATA", help="scenes, or imagefolder:PATH with train/ and val/")
    help_ = "candidates that are trained at first; half of them stay in each of three rounds"
    add("--candidates", type=arguments.positive, metavar="N", help=help_)
    help_ = "epochs of the last round (of scenes: 6400 images each); earlier ones have 1/4, 1/2"
    add("--epochs", type=arguments.positive, metavar="N", help=help_)
    help_ = "trainings of each model in the last round"
    add("--seeds", type=arguments.positive, metavar="N", help=help_)


def options(namespace: argparse.Namespace) -> SearchOptions:
    return arguments.read(SearchOptions, namespace)


def execute(options: SearchOptions) -> int:
    """Measure, train and measure what is not known yet, and show the outcome."""
    from edgebench import documents
    from edgebench.commands.search import steps

    document = _begun(options)
    for further in steps.rest(document, options.out):
        document = further
        documents.save(options.out / DOCUMENT, document)
    _show(document, options)
    return 0


def _begun(options: SearchOptions) -> SearchDocument:
    """The search in the folder, if it is this one, or a new one.

    Raises `UsageError` for a folder with another search.
    """
    from edgebench import documents
    from edgebench.benchmarks.search.document import SearchDocument

    request = _request(options)
    path = options.out / DOCUMENT
    if not path.exists():
        documents.require_writable(options.out)
        return SearchDocument(request)
    found = documents.load(path, SearchDocument)
    other = [
        name.removesuffix("_s")
        for name in vars(request)
        if getattr(found.request, name) != getattr(request, name)
    ]
    if other:
        raise UsageError(
            f"{options.out} holds a search with another {' and '.join(other)}",
            "choose another --out, or give the options that it was begun with",
        )
    return found


def _request(options: SearchOptions) -> SearchRequest:
    from edgebench.benchmarks.search.document import SearchRequest
    from edgebench.commands.search import naming
    from edgebench.converters.targets import parse
    from edgebench.deploy.registry import devices
    from edgebench.models.kinds import KINDS

    for kind in (*options.kinds, options.paper):
        if kind not in KINDS:
            raise UnknownNameError("attention", kind, KINDS)
    if options.data != "scenes" and not options.data.startswith("imagefolder:"):
        raise UsageError(f"cannot train on '{options.data}'", "known: scenes, imagefolder:PATH")
    devices.get(options.device)
    with arguments.needs("onnx"):
        backbone = naming.plain(options.backbone)
        return SearchRequest(
            backbone=backbone,
            device=options.device,
            target=str(parse(options.target)),
            budget=options.budget,
            kinds=options.kinds,
            paper=options.paper,
            data=options.data,
            trained=naming.trained_for(backbone, options.data),
            candidates=options.candidates,
            epochs=options.epochs,
            seeds=options.seeds,
            threads=options.threads,
            measure_s=options.measure_s,
        )


def _show(document: SearchDocument, options: SearchOptions) -> None:
    from edgebench import documents
    from edgebench.benchmarks.report import search_html, search_terminal
    from edgebench.benchmarks.search.outcome import outcome

    found = outcome(document)
    if options.json:
        print(documents.dump(found), end="")
    else:
        search_terminal.show(document, found)
    if options.html:
        console.save(options.out / PAGE, search_html.render(document, found))
