"""The outputs of an evaluation: reduced and written image by image, so that none piles up.

A role's outputs are `outputs/<slot>/<role>.npy`, (images, *reduction.shape). The header, with the
final shape, comes first, and the images follow it as they are run.
"""

from __future__ import annotations

import os
from typing import IO, Any, Callable  # noqa: UP035
from urllib.parse import quote

from .messages import Json, RunnerError
from .reduction import dtype_of, reduce

FOLDER = "outputs"


def file_name(slot: str, role: str) -> str:
    """The path of a role's file in the run folder; a role may be any output's name."""
    return "/".join((FOLDER, slot, quote(role, safe="") + ".npy"))


class KeptOutputs:
    """What a plan keeps of one slot's outputs, for so many images; a context manager.

    `folder` is that of the result. The files stand there under their names once every image was
    added and the block ended well. Raises `OSError`.
    """

    def __init__(self, np: Any, kept: Any, folder: str, slot: str, images: int) -> None:
        self.np = np
        self.kept = kept
        self.images = images
        self.added = 0
        self.names = {one["role"]: file_name(slot, one["role"]) for one in kept}
        self.paths = {role: os.path.join(folder, name) for role, name in self.names.items()}
        self.files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> KeptOutputs:
        form = self.np.lib.format
        for one in self.kept:
            reduction, path = one["reduction"], self.paths[one["role"]]
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self.files[one["role"]] = file = open(path + ".part", "wb")
            header = {
                "descr": form.dtype_to_descr(dtype_of(self.np, reduction)),
                "fortran_order": False,
                "shape": (self.images, *reduction["shape"]),
            }
            form.write_array_header_1_0(file, header)
        return self

    def add(self, output: Callable[[Json], Any]) -> None:
        """Add one image. `output` gives what of the file the plan keeps, in the file's axes.

        Raises `RunnerError` for values that are not finite.
        """
        np = self.np
        raw = {}
        for one in self.kept:
            if one["output"] not in raw:
                values = output(one)
                check_finite(np, one["output"], values, f" for image {self.added}")
                raw[one["output"]] = values
        try:
            onnx = {
                one["output"]: np.transpose(raw[one["output"]], np.argsort(one["axes"]))
                for one in self.kept
            }
            reduced = {
                one["role"]: reduce(np, one["reduction"], one["output"], onnx) for one in self.kept
            }
        except ValueError as error:
            shapes = ", ".join(f"{name} {list(one.shape)}" for name, one in raw.items())
            raise RunnerError(f"the plan does not fit the outputs {shapes}: {error}") from None
        for one in self.kept:
            if reduced[one["role"]].shape != (1, *one["reduction"]["shape"]):
                raise RunnerError(
                    f"the output {one['output']} gives {list(reduced[one['role']].shape)} for an "
                    f"image, but the plan expects {[1, *one['reduction']['shape']]}"
                )
            self.files[one["role"]].write(reduced[one["role"]].tobytes())
        self.added += 1

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        for role, file in self.files.items():
            file.close()
            if error is None and self.added == self.images:
                os.replace(file.name, self.paths[role])
            else:
                os.unlink(file.name)
        if error is None and self.added != self.images:
            raise RunnerError(f"there are outputs of {self.added} images, not of {self.images}")


def check_finite(np: Any, name: str, values: Any, where: str = "") -> None:
    """Raises `RunnerError` for NaN or infinity among an output's values."""
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise RunnerError(
            f"{bad} of {np.size(values)} values of the output {name} are not finite (NaN or "
            f"infinity){where}"
        )
