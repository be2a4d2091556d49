"""The evaluator of Core ML programs as a server, for the core's test engine on the same machine.

A line of JSON asks. `{"open": PATH}` is answered by a line with the inputs and outputs of the
package; `{"run": true}` is followed by the bytes of the inputs, and answered by a line with the
shapes of the outputs and by their bytes. Each inference is computed when it is asked for.
"""

from __future__ import annotations

import json
import math
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.converters.coreml.evaluator import pipeline, program
from edgebench.errors import EdgeBenchError

Placement = list[dict[str, Any]]
Loaded = program.Program | pipeline.DetectorPipeline


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """`placements` are what the engine is to say of where operations run, by delegate."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        self.placements: dict[str, Placement] = {}
        self.programs: dict[str, Loaded] = {}
        self.lock = threading.Lock()
        super().__init__(path, Handler)

    def load(self, path: str) -> Loaded:
        with self.lock:
            if path not in self.programs:
                self.programs[path] = pipeline.load(Path(path)) or program.load(Path(path))
            return self.programs[path]


class Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        found: Loaded | None = None
        for line in self.rfile:
            asked = json.loads(line)
            if "open" in asked:
                try:
                    found = self.server.load(asked["open"])
                    answer = described(found)
                    answer["placement"] = self.server.placements.get(asked["delegate"])
                except EdgeBenchError as error:
                    answer = {"error": error.message}
                self.wfile.write(json.dumps(answer).encode() + b"\n")
                continue
            assert found is not None
            self.wfile.write(self.infer(found))

    def infer(self, found: Loaded) -> bytes:
        feeds = {}
        for port in found.inputs:
            dtype = "uint8" if port.image else port.dtype
            size = math.prod(port.shape) * np.dtype(dtype).itemsize
            feeds[port.name] = np.frombuffer(self.rfile.read(size), dtype).reshape(port.shape)
        with self.server.lock:
            (made,) = found.run_all([feeds])
        outputs = [np.ascontiguousarray(made[port.name], port.dtype) for port in arrays(found)]
        shapes = json.dumps([one.shape for one in outputs]).encode() + b"\n"
        return shapes + b"".join(one.tobytes() for one in outputs)


def arrays(found: Loaded) -> list[Any]:
    """The outputs that Core ML gives as arrays, and not a classifier's label and scores."""
    return [port for port in found.outputs if port.dtype]


def described(found: Loaded) -> dict[str, Any]:
    def ports(which: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "shape": [side or 0 for side in one.shape],  # As Core ML describes what varies.
                "dtype": one.dtype,
                "image": bool(one.image),
            }
            for one in which
        ]

    return {"inputs": ports(found.inputs), "outputs": ports(arrays(found))}


@contextmanager
def serving(path: Path) -> Iterator[Server]:
    """Answer at a socket of that path while the block runs."""
    with Server(str(path)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
