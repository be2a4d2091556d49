"""Run evaluation inputs through `benchmark_model`, one process each, and bring the outputs back.

The tool reads an input's bytes from a file and writes those of all outputs into another, so what
an artifact holds as integers is made and read here, by the very code that does it on devices with
Python. Starting a process for each image takes its time: only the first are run.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.deploy.benchmark_model.output import failure
from edgebench.deploy.benchmark_model.tool import TIMEOUT_S, Tool
from edgebench.deploy.remote.shell import quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.engines import engine
from edgebench.deploy.runner.files import images
from edgebench.deploy.runner.messages import Json, RunnerError, first_line
from edgebench.documents import sha256
from edgebench.progress import silent

LIMIT = 32
"""How many images are run; a process takes a third of a second and more."""

ONCE = ("--warmup_runs=0", "--warmup_min_secs=0", "--num_runs=1", "--min_secs=0")
OUTPUT = "output_filepath"
"""The option that newer versions of the tool have."""


class Images:
    """One artifact's inputs and outputs. `path` is the file here, `graph` the one there.

    Raises `RunnerError` where it cannot be fed: this machine has no TFLite that opens the file, or
    it has more than one input.
    """

    def __init__(self, store: Store, tool: Tool, path: Path, graph: str) -> None:
        self.store = store
        self.tool = tool
        self.graph = graph
        try:
            self.engine: Any = engine("tflite")(str(path), {"threads": 1, "delegate": "none"})
        except Exception as error:  # LiteRT raises ValueError, RuntimeError and others.
            raise RunnerError(first_line(error)) from error
        if len(self.engine.inputs) != 1:
            raise RunnerError(
                f"it has {len(self.engine.inputs)} inputs, but images need a single one"
            )

    def outputs(
        self, plan: Json, evaluation: Json, files: Path, scratch: str
    ) -> npt.NDArray[np.float32]:
        """The outputs (N, ...) for the first N images. Raises `RunnerError` and `DeviceError`."""
        taken = islice(images(np, str(files), evaluation), LIMIT)
        names = self._send(self.engine.encoded(self.engine.inputs[0], image) for image in taken)
        raw = self._run(plan, names, scratch)
        axes = np.argsort(evaluation["output_axes"])
        rows = [np.transpose(one, axes) for one in self._decoded(raw, len(names))]
        return np.concatenate(rows)

    def _send(self, tensors: Iterator[npt.NDArray[Any]]) -> Sequence[str]:
        """Send each tensor's bytes by content, and return their names in the store."""
        with tempfile.TemporaryDirectory() as folder:
            names, wanted = [], {}
            for number, tensor in enumerate(tensors):
                path = Path(folder, str(number))
                path.write_bytes(np.ascontiguousarray(tensor).tobytes())
                names.append(f"{sha256(path)}.raw")
                wanted[names[-1]] = path
            self.store.send(wanted, self.store.files, silent)
        return names

    def _run(self, plan: Json, names: Sequence[str], scratch: str) -> bytes:
        """Run each input once, and return all outputs in a row."""
        shape = ",".join(str(int(one)) for one in self.engine.inputs[0]["shape"])
        command = self.tool.command(
            plan,
            self.graph,
            *ONCE,
            "--input_layer=image",
            f"--input_layer_shape={shape}",
            f"--input_layer_value_files=image:{scratch}/input",
            f"--{OUTPUT}={scratch}/output",
        )
        # One name for all, so that the command is the same: the input of the turn is linked there.
        done = self.store.shell.run(
            f"rm -rf {quoted(scratch)}; mkdir -p {quoted(scratch)}; ( cd {quoted(scratch)}; "
            f"for one in {' '.join(map(quoted, names))}; do rm -f input output; "
            f"ln -s {quoted(self.store.files)}/$one input; "
            f"{{ {command}; }} >said || {{ status=$?; cat said; exit $status; }}; "
            f"cat output >>outputs || exit; done; base64 outputs )",
            timeout_s=TIMEOUT_S + 10.0 * len(names),
        )
        if done.status != 0:
            raise RunnerError(failure(done.status, done.stdout + done.stderr) or done.reason)
        try:
            return base64.b64decode("".join(done.stdout.split()), validate=True)
        except binascii.Error as error:
            raise RunnerError(f"its outputs are incomplete: {error}") from None

    def _decoded(self, raw: bytes, count: int) -> Iterator[npt.NDArray[np.float32]]:
        """The first output of each run, as real values. The others follow it in the file."""
        sizes = [
            int(np.prod(one["shape"])) * np.dtype(one["dtype"]).itemsize
            for one in self.engine.outputs
        ]
        if len(raw) != sum(sizes) * count:
            raise RunnerError(
                f"benchmark_model wrote {len(raw)} bytes of outputs, not {sum(sizes) * count}"
            )
        detail = self.engine.outputs[0]
        for number in range(count):
            start = number * sum(sizes)
            values = np.frombuffer(raw[start : start + sizes[0]], detail["dtype"])
            yield self.engine.decoded(detail, values.reshape(tuple(detail["shape"])))
