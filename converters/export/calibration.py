"""Which data set the ranges of a quantised model, decided without reading them.

`edgebench.converters.export.examples` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edgebench.errors import DataError
from edgebench.models.data import datasets, parts

RANDOM, NONE, IN_FILE = "random", "none", "the file's own ranges"


def choose(
    wanted: str | None,
    given: str | None,
    data: str | None,
    trained: bool,
    quantised: Sequence[str],
    in_file: Callable[[], bool],
) -> str:
    """The source to use: what the user wants, the data set that the user gives, or the model's own.

    `data` is what a zoo model was made for, None for a user's file. `quantised` are the targets
    that need ranges, and `in_file` says whether the file brings them. Raises `DataError` where
    these have no source that would say anything about them.
    """
    wanted = wanted or given
    if wanted == RANDOM and (trained or data is None):
        raise DataError(
            "random calibration is for untrained models: it would set ranges that mean nothing",
            "give a folder of images with --calibration",
        )
    if wanted in datasets.BUILT_IN and data != wanted:
        raise DataError(
            f"the model was not made for {wanted}", "give a folder of images with --calibration"
        )
    if wanted is not None:
        return wanted
    if data in datasets.BUILT_IN:
        return data
    if data is not None and not trained:
        return RANDOM
    if quantised and in_file():
        return IN_FILE
    if quantised:
        raise DataError(
            f"no calibration data for {', '.join(quantised)}",
            "give a folder of images (or of .npz files by input name) with --calibration, or leave "
            "these precisions out",
        )
    return NONE


def identity(source: str) -> str:
    """What changes when a source changes, without reading it: names, sizes and times of its files.

    Raises `DataError` for a folder that is not there.
    """
    if source in (RANDOM, NONE, IN_FILE):
        return source
    if datasets.is_named(source):
        return datasets.open_data(source).identity()
    return parts.identity(calibration_folder(source))


def calibration_folder(source: str) -> Path:
    """The folder that a source names. Raises `DataError` where there is none."""
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(
            f"there is no folder {folder} to calibrate with",
            f"give a folder of images, or one of: {datasets.WRITTEN}, {RANDOM}",
        )
    return folder
