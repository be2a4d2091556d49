"""Run evaluation inputs through `benchmark_model`, one process each, and bring the outputs back.

The tool reads an input's bytes from a file and writes those of all outputs into another. Integers
are converted here, by the code that does it on devices with Python. Each image needs a process, so
only the first images are run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.deploy.benchmark_model.output import failure
from edgebench.deploy.benchmark_model.tool import TIMEOUT_S, Tool
from edgebench.deploy.remote.shell import quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.engines import engine
from edgebench.deploy.runner.messages import Json, RunnerError, first_line
from edgebench.documents import sha256
from edgebench.progress import silent

Array = npt.NDArray[Any]

LIMIT = 32
"""How many images are run; a process takes a third of a second and more."""

ONCE = ("--warmup_runs=0", "--warmup_min_secs=0", "--num_runs=1", "--min_secs=0")
OUTPUT = "output_filepath"
"""The option that newer versions of the tool have."""


class Images:
    """One artifact's inputs and outputs. `path` is the file here, `graph` the one there.

    Raises `RunnerError` if this machine has no TFLite that opens the file, or if the file has more
    than one input.
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
        self, plan: Json, taken: Iterable[Array], scratch: str
    ) -> Iterator[Sequence[Array]]:
        """All outputs of each image, as floats. Raises `RunnerError` and `DeviceError`."""
        names = self._send(self.engine.encoded(self.engine.inputs[0], image) for image in taken)
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                yield self._decoded(self._run(plan, name, scratch, Path(folder, "output")))

    def _send(self, tensors: Iterator[Array]) -> Sequence[str]:
        """Send each tensor's bytes and return their names in the store."""
        with tempfile.TemporaryDirectory() as folder:
            names, wanted = [], {}
            for number, tensor in enumerate(tensors):
                path = Path(folder, str(number))
                path.write_bytes(np.ascontiguousarray(tensor).tobytes())
                names.append(f"{sha256(path)}.raw")
                wanted[names[-1]] = path
            self.store.send(wanted, self.store.files, silent)
        return names

    def _run(self, plan: Json, name: str, scratch: str, target: Path) -> bytes:
        """Run an input once and return the bytes of all outputs, one after the other."""
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
        shell = self.store.shell
        done = shell.run(
            f"rm -rf {quoted(scratch)}; mkdir -p {quoted(scratch)}; ( cd {quoted(scratch)}; "
            f"ln -s {quoted(self.store.files)}/{quoted(name)} input; "
            f"{{ {command}; }} >said || {{ status=$?; cat said; exit $status; }}; "
            "wc -c <output && sha256sum <output )",
            timeout_s=TIMEOUT_S,
        )
        if done.status != 0:
            raise RunnerError(failure(done.status, done.stdout + done.stderr) or done.reason)
        said = done.stdout.split()
        wanted = sum(map(size_bytes, self.engine.outputs))
        if said[0] != str(wanted):
            raise RunnerError(f"benchmark_model wrote {said[0]} bytes of outputs, not {wanted}")
        shell.fetch(quoted(f"{scratch}/output"), target, wanted)
        if sha256(target) != said[1]:
            raise RunnerError("its outputs were damaged on the way from the device")
        return target.read_bytes()

    def _decoded(self, raw: bytes) -> Sequence[Array]:
        """The outputs of one run, in the file's order, as floats."""
        found, start = [], 0
        for one in self.engine.outputs:
            end = start + size_bytes(one)
            values = np.frombuffer(raw[start:end], one["dtype"]).reshape(tuple(one["shape"]))
            found.append(self.engine.decoded(one, values))
            start = end
        return found


def size_bytes(detail: Json) -> int:
    """The size of a tensor of the file."""
    return int(np.prod(detail["shape"], dtype=np.int64)) * np.dtype(detail["dtype"]).itemsize
