"""The Xcode project of the iOS app, in which the models of a bundle are listed.

Xcode builds what a project lists and nothing else; packages are compiled. The project file is read
and written by the package `pbxproj`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edgebench.errors import InvalidFileError, MissingExtraError

PROJECT = Path("edgebench.xcodeproj/project.pbxproj")
MODELS = "Models"
"""The group of the bundle in the project, and its folder beside it."""

SOURCES, RESOURCES = "PBXSourcesBuildPhase", "PBXResourcesBuildPhase"
PACKAGE = "folder.mlpackage"
"""Xcode's name for the type of a Core ML package, which it compiles as it does sources."""


class Project:
    """The project of the app in a folder."""

    def __init__(self, app: Path) -> None:
        """Read it. Raises `MissingExtraError`, and `InvalidFileError` for what is no project."""
        try:
            import pbxproj
        except ImportError as error:
            raise MissingExtraError("pbxproj", "ios") from error
        self._sections: Any = pbxproj.pbxsections
        self.app = app
        try:
            self._project: Any = pbxproj.XcodeProject.load(str(app / PROJECT))
            self._target: Any = self._project.get_target_by_name("edgebench")
            found = self._project.get_groups_by_path(MODELS)
        except Exception as error:  # What its parser raises for a file that is damaged.
            raise _unreadable(app, str(error)) from error
        if self._target is None or len(found) != 1:
            raise _unreadable(app, f"it has no target edgebench, or no group {MODELS}")
        self._group: Any = found[0]

    @property
    def deployment_target(self) -> tuple[int, int]:
        """The oldest iOS that the app runs on. Raises `InvalidFileError`."""
        known = {
            str(one.buildSettings["IPHONEOS_DEPLOYMENT_TARGET"])
            for one in self._project.objects.get_objects_in_section("XCBuildConfiguration")
            if "IPHONEOS_DEPLOYMENT_TARGET" in one.buildSettings
        }
        versions = [re.fullmatch(r"(\d+)\.(\d+)", one) for one in known]
        numbers = [(int(one[1]), int(one[2])) for one in versions if one]
        if not numbers or len(numbers) != len(known):
            raise _unreadable(self.app, "it names no IPHONEOS_DEPLOYMENT_TARGET")
        return min(numbers)

    def list_models(self, names: Sequence[str], bundle: str) -> None:
        """List these packages and the bundle in the place of those that were listed, and save it.

        Raises `InvalidFileError` if the project then lacks a file that the app needs.
        """
        objects = self._project.objects
        for identity in [str(one) for one in self._group.children]:
            for phase in self._phases():
                for build in self._builds(phase):
                    if build.fileRef == identity:
                        phase.remove_build_file(build)
            self._group.remove_child(objects[identity])
            del objects[identity]
        for name in dict.fromkeys(names):
            self._add(name, PACKAGE, SOURCES)
        self._add(bundle, "text.json", RESOURCES)
        self._project.save()
        missing = sorted(self.needed() - set(self.listed()))
        if missing:
            raise InvalidFileError(
                f"{self.app / PROJECT} does not list {', '.join(missing)}",
                "add them in Xcode, or take the project file of the repository",
            )

    def needed(self) -> set[str]:
        """The paths, in the app's folder, of all that has to be built into the app."""
        sources = self.app.glob("App/**/*.swift")
        models = (self.app / MODELS).glob("*.mlpackage")
        return {one.relative_to(self.app).as_posix() for one in (*sources, *models)}

    def listed(self) -> Iterator[str]:
        """The paths of all files that the target builds or copies."""
        objects = self._project.objects
        root = objects[objects[self._project.rootObject].mainGroup]
        places = dict(self._places(root, ""))
        for phase in self._phases():
            for build in self._builds(phase):
                if build.fileRef in places:
                    yield places[build.fileRef]

    def _places(self, group: Any, folder: str) -> Iterator[tuple[str, str]]:
        for identity in group.children:
            child = self._project.objects[identity]
            path = "/".join(part for part in (folder, getattr(child, "path", None)) if part)
            if child.isa == "PBXGroup":
                yield from self._places(child, path)
            else:
                yield identity, path

    def _add(self, name: str, kind: str, phase: str) -> None:
        reference = self._sections.PBXFileReference.create(name, "<group>")
        reference.set_last_known_file_type(kind)
        build = self._sections.PBXBuildFile.create(reference)
        for one in (reference, build):
            self._project.objects[one.get_id()] = one
        self._group.add_child(reference)
        (found,) = [one for one in self._phases() if one.isa == phase]
        found.add_build_file(build)

    def _phases(self) -> Iterator[Any]:
        for identity in self._target.buildPhases:
            yield self._project.objects[identity]

    def _builds(self, phase: Any) -> list[Any]:
        found = [self._project.objects[identity] for identity in phase.files]
        return [one for one in found if "fileRef" in one]


def _unreadable(app: Path, reason: str) -> InvalidFileError:
    return InvalidFileError(
        f"{app / PROJECT} cannot be used: {reason}", "take the project file of the repository"
    )
