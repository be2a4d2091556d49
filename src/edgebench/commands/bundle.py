"""`edgebench bundle`: give models to a sample app."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands.common import bundling, exits
from edgebench.commands.common.runnable import NotForTheApp
from edgebench.errors import InvalidFileError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact
    from edgebench.deploy.bundle.apps import BundledApp
    from edgebench.deploy.bundle.bundle import BundledModel

HELP = "give models to a sample app"

EXAMPLES = """\
  edgebench bundle scenes_v2 scenes_v2_ca --android
  edgebench bundle mobilenet_v2_ca --android --precisions int8
  edgebench bundle their.tflite --android --labels labels.txt --mean 0.5
  edgebench bundle ssd.tflite --android --task detection \\
      --outputs boxes=BOXES,scores=SCORES
  edgebench bundle scenes_v2 their.mlpackage --ios
"""


@dataclass(frozen=True)
class BundleOptions:
    """Which models an app is given, and what is said of them; see `bundling.Given`."""

    models: tuple[str, ...] = ()
    android: bool = False
    ios: bool = False
    artifacts: Path = Path("artifacts")
    precisions: tuple[str, ...] | None = None
    project: Path | None = None
    task: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    labels: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, BundleOptions)
    help_ = "models in the artifacts' folder, or model files of other tools"
    add("models", nargs="+", metavar="MODEL", help=help_)
    add("--android", action="store_true", help="into the app in android_app/")
    add("--ios", action="store_true", help="into the app in ios_app/")
    add("--artifacts", type=Path, metavar="DIR", help="folder with the exported models")
    help_ = "take only these, such as int8,fp16 (default: all that were exported)"
    add("--precisions", type=arguments.names, metavar="A,B", help=help_)
    add(
        "--project",
        type=Path,
        metavar="DIR",
        help="the app's folder (default: android_app, ios_app)",
    )
    add("--json", action="store_true", help="print the bundle as JSON")
    group = parser.add_argument_group("models whose manifests do not say it")
    add = arguments.adder(group, BundleOptions)
    help_ = "what the outputs mean: classification, detection, segmentation or none"
    add("--task", metavar="NAME", help=help_)
    help_ = "roles and layout of the outputs, such as boxes=OUTPUT,scale=normalised"
    add("--outputs", type=arguments.words, metavar="NAME=VALUE,...", help=help_)
    add("--labels", type=Path, metavar="FILE", help="class names, one per line")
    add("--mean", type=arguments.floats, metavar="R,G,B", help="mean of the input, in 0..1")
    add("--std", type=arguments.floats, metavar="R,G,B", help="its standard deviation, in 0..1")


def options(namespace: argparse.Namespace) -> BundleOptions:
    found = arguments.read(BundleOptions, namespace)
    if found.android == found.ios:
        raise UsageError(
            "both apps are named" if found.ios else "no app is named",
            "say which app the models are for: --android or --ios",
        )
    return found


def execute(options: BundleOptions) -> int:
    from edgebench.deploy.bundle.apps import ANDROID, IOS
    from edgebench.deploy.bundle.bundle import Bundle, write

    app = (ANDROID if options.android else IOS).at(options.project)
    folder = app.require()
    given = bundling.Given(
        options.task, options.outputs, options.mean, options.std, _labels(options.labels)
    )
    taken: list[tuple[BundledModel, Artifact]] = []
    refused = 0
    for artifact in {one.path: one for one in _chosen(options, app)}.values():
        try:
            taken.append((bundling.bundled(artifact, app, given), artifact))
        except NotForTheApp as error:
            refused += 1
            console.say(f"{artifact.key} is refused: {error.message}")
            if error.remedy:
                console.say(f"  {error.remedy}")
    if not taken:
        raise UsageError(
            f"the {app.name} app can run none of the models; the bundle is as it was",
            "see the reasons above",
        )
    bundle = Bundle(tuple(model for model, _ in taken))
    manifests = {model.sha256: artifact.manifest for model, artifact in taken}
    write(bundle, [artifact.path for _, artifact in taken], manifests, folder)
    app.list_models([model.file for model, _ in taken])
    _show(bundle.models, options.json)
    console.say(f"written to {folder}; install the app with: cd {app.folder}; {app.build}")
    return exits.FAILED if refused else 0


def _chosen(options: BundleOptions, app: BundledApp) -> Iterator[Artifact]:
    """The artifacts that are named, of the precisions that are wanted.

    Raises `UnknownNameError`, and `InvalidFileError` for a file that cannot be read.
    """
    from edgebench.converters.artifact import find_artifacts

    own = list(find_artifacts(options.artifacts))
    wanted = options.precisions
    for name in options.models:
        if Path(name).exists() and Path(name).suffix:
            yield _file(Path(name))
            continue
        named = [one for one in own if one.manifest.model == name]
        fitting = [one for one in named if one.manifest.format == app.format] or named
        if not named:
            models = {one.manifest.model for one in own}
            raise UnknownNameError(f"model in {options.artifacts}", name, models)
        found = [one for one in fitting if wanted is None or one.manifest.precision in wanted]
        if not found:
            precisions = {one.manifest.precision for one in fitting}
            raise UnknownNameError(f"precision of {name}", ", ".join(wanted or ()), precisions)
        yield from found


def _file(path: Path) -> Artifact:
    """A file by its path: edgebench's own with its manifest, or another tool's."""
    from edgebench.converters import artifact, external

    if artifact.has_manifest(path):
        return artifact.open_artifact(path)
    found = external.files(path)
    if not found:
        raise InvalidFileError(
            f"{path} is not a model file",
            f"model files end in: {', '.join((*external.SUFFIXES, external.PACKAGE))}",
        )
    ((name, (form, _)),) = found.items()
    return external.adopt(name, form, path, path.parent)


def _labels(path: Path | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidFileError(f"cannot read {path}: {error}", "give one name per line") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _show(models: Sequence[BundledModel], as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(one) for one in models], indent=1))
        return
    table = console.table("model", "precision", "task", ">px", ">MB", "weights")
    for one in models:
        size = f"{one.size_bytes / 1e6:.2f}"
        side = f"{one.width}x{one.height}"
        table.add_row(one.model, one.precision, one.task.task, side, size, one.weights)
    console.show(table)
