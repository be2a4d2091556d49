"""The sample apps that a bundle is for: where their assets lie, and what they run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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

    def require(self, folder: Path) -> Path:
        """The folder of its assets in a project. Raises `UsageError` for another folder."""
        if not (folder / self.project).is_file():
            raise UsageError(
                f"{folder} is not the {self.name} app: it has no {self.project}",
                "run this in a copy of edgebench's repository, or name the app's folder with "
                "--project",
            )
        return folder / self.assets


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
