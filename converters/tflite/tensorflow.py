"""TensorFlow, imported once and silently.

TensorFlow, absl and MLIR write to file descriptor 2 from C++, past `sys.stderr`; `hushed` catches
that, so that a user sees it only where it explains a failure.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgebench.converters.hidden import hidden
from edgebench.errors import MissingExtraError

QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "GRPC_VERBOSITY": "ERROR",
    "GLOG_minloglevel": "3",
    # The conversion is work for the CPU; a GPU would only be woken up and its memory taken.
    "CUDA_VISIBLE_DEVICES": "-1",
}


@contextmanager
def hushed() -> Iterator[Callable[[], str]]:
    """Catch what is written to file descriptor 2; call what this gives to read it so far."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)

        def read() -> str:
            caught.seek(0)
            return caught.read().decode(errors="replace")

        try:
            yield read
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)


def _load() -> Any:
    # The variables must be set while TensorFlow starts, and only then: torch, in the same
    # process, must still be able to see a GPU.
    before = {name: os.environ.get(name) for name in QUIET}
    os.environ.update(QUIET)
    try:
        with hushed(), hidden("keras"):  # A third of its start; `tensorflow.keras` works later on.
            import tensorflow
            import tensorflow.lite.python.lite  # what tensorflow itself imports only on first use

            tensorflow.config.set_visible_devices([], "GPU")
            tensorflow.get_logger().setLevel("ERROR")
            return tensorflow
    except ModuleNotFoundError as error:
        raise MissingExtraError("tensorflow", "tflite") from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


tf: Any = _load()
