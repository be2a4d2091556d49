"""The sample apps that a bundle is for: where their assets lie, and what they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench.deploy.bundle import xcode
from edgebench.deploy.bundle.bundle import BUNDLE
from edgebench.errors import UsageError


@dataclass(frozen=True)
class BundledApp:
    """One sample app. `project` is a file that tells its folder, and `types` are its inputs'."""

    name: str
    folder: Path
    project: str
    assets: Path
    format: str
    types: frozenset[str]
    build: str

    def oldest_system(self) -> int:
        """The oldest iOS on which the app in its folder runs. Raises `InvalidFileError`."""
        return xcode.Project(self.folder).deployment_target[0]

    def at(self, folder: Path | None) -> BundledApp:
        """The app in another folder, if one is given."""
        return replace(self, folder=folder or self.folder)

    def list_models(self, names: Sequence[str]) -> None:
        """Have the project build these models in, where it does not take all that is there.

        Raises `InvalidFileError`, `MissingExtraError` and `UnwritableError`.
        """
        if self.project == str(xcode.PROJECT):
            xcode.Project(self.folder).list_models(names, BUNDLE)

    def require(self) -> Path:
        """The folder of its assets. Raises `UsageError` for a folder that is not the app's."""
        if not (self.folder / self.project).is_file():
            raise UsageError(
                f"{self.folder} is not the {self.name} app: it has no {self.project}",
                "run this in a copy of edgebench's repository, or name the app's folder with "
                "--project",
            )
        return self.folder / self.assets


ANDROID = BundledApp(
    name="Android",
    folder=Path("android_app"),
    project="settings.gradle.kts",
    assets=Path("app/src/main/assets/models"),
    format="tflite",
    types=frozenset(
        ("float32", "float16", "int8", "uint8", "int16", "int32", "int64", "bool"),
    ),
    build="./gradlew installDebug",
)

IOS = BundledApp(
    name="iOS",
    folder=Path("ios_app"),
    project=str(xcode.PROJECT),
    assets=Path(xcode.MODELS),
    format="coreml",
    types=frozenset(("image", "float32", "float16", "float64", "int32")),
    build="open edgebench.xcodeproj, then Run",
)
