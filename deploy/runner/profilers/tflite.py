"""LiteRT's profiler, through the C interface of the library that the Python package carries.

The package's Python classes have no profiler. `libLiteRt.so` beside them has one, public and
versioned (litert/c/litert_profiler.h), and it names the operations inside XNNPACK too, which the
interpreter sees as one. Older TFLite runtimes have nothing of the kind.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable  # noqa: UP035

from ..messages import Json, RunnerError
from .inferences import Inference, folder_of, repeat

LIBRARY = "libLiteRt.so"
CPU = 1
WRITE = 1
# Bits of LiteRtProfilerEventType.
WHOLE = 1
OPERATIONS = 2 | 4 | 8
INVOKE = b"Invoke"
# More than any operation graph here has; the profiler's own buffer holds as many.
MOST_EVENTS = 10240
KERNELS = {"xnnpack": "delegate", "none": "builtin"}


class Event(ctypes.Structure):
    """`ProfiledEventData` of litert/c/litert_profiler_event.h."""

    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("memory_before", ctypes.c_size_t * 3),
        ("memory_after", ctypes.c_size_t * 3),
        ("node", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


def profile(path: str, plan: Json, array: Callable[..., Any]) -> tuple[str, list[Inference]] | None:
    try:
        import ai_edge_litert.interpreter
    except ImportError:
        return None
    library = os.path.join(folder_of(ai_edge_litert.interpreter), LIBRARY)
    if not os.path.exists(library):
        return None
    reader = ai_edge_litert.interpreter.Interpreter(model_path=path)
    inputs = [array(detail["shape"], detail["dtype"]) for detail in reader.get_input_details()]
    model = CompiledModel(ctypes.CDLL(library), path, plan, [one.tobytes() for one in inputs])
    return "LiteRT profiler", list(repeat(model.inference))


class CompiledModel:
    """A compiled model with its buffers. It lives as long as its process."""

    def __init__(self, library: Any, path: str, plan: Json, inputs: list[bytes]) -> None:
        self._library = library
        environment = self._made("LiteRtCreateEnvironment", 0, None)
        model = self._made("LiteRtCreateModelFromFile", environment, path.encode())
        options = self._options(plan)
        self.compiled = self._made("LiteRtCreateCompiledModel", environment, model, options)
        signature = self._made("LiteRtGetModelSignature", model, ctypes.c_size_t(0))
        self.inputs = self._buffers("Input", environment, signature)
        self.outputs = self._buffers("Output", environment, signature)
        for buffer, content in zip(self.inputs, inputs):  # noqa: B905
            self._fill(buffer, content)
        self.profiler = self._made("LiteRtCompiledModelGetProfiler", self.compiled)
        self.events = (Event * MOST_EVENTS)()

    def inference(self) -> Inference:
        """One profiled inference; starting the profiler empties its buffer."""
        self._call("LiteRtStartProfiler", self.profiler)
        self._call(
            "LiteRtRunCompiledModel",
            self.compiled,
            ctypes.c_size_t(0),
            ctypes.c_size_t(len(self.inputs)),
            self.inputs,
            ctypes.c_size_t(len(self.outputs)),
            self.outputs,
        )
        self._call("LiteRtStopProfiler", self.profiler)
        count = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self.profiler, ctypes.byref(count))
        self._call("LiteRtGetProfilerEvents", self.profiler, MOST_EVENTS, self.events)
        events = [self.events[i] for i in range(count.value)]
        whole = sum(one.elapsed_us for one in events if one.kind == WHOLE and one.tag == INVOKE)
        rows = [
            (f"{one.subgraph}:{one.node}", one.tag.decode(errors="replace"), one.elapsed_us / 1e6)
            for one in events
            if one.kind & OPERATIONS
        ]
        return whole / 1e6, rows

    def _options(self, plan: Json) -> ctypes.c_void_p:
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, CPU)
        kernels = KERNELS[plan["delegate"]]
        processor = f'kernel_mode = "{kernels}"\nnum_threads = {plan["threads"]}\n'
        # The library reads both while it compiles, and frees neither: we keep them.
        self._kept: list[Any] = [ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda payload: None)]
        for name, text in (
            (b"runtime_options_string", "enable_profiling = true\n"),
            (b"xnnpack", processor),
        ):
            payload = ctypes.create_string_buffer(text.encode())
            self._kept.append(payload)
            opaque = self._made("LiteRtCreateOpaqueOptions", name, payload, self._kept[0])
            self._call("LiteRtAddOpaqueOptions", options, opaque)
        return options

    def _buffers(self, side: str, environment: Any, signature: Any) -> Any:
        count = ctypes.c_size_t()
        self._call(f"LiteRtGetNumSignature{side}s", signature, ctypes.byref(count))
        buffers = (ctypes.c_void_p * count.value)()
        for number in range(count.value):
            index = ctypes.c_size_t(number)
            needs = self._made(
                f"LiteRtGetCompiledModel{side}BufferRequirements",
                self.compiled,
                ctypes.c_size_t(0),
                index,
            )
            tensor = self._made(f"LiteRtGetSignature{side}TensorByIndex", signature, index)
            # `LiteRtRankedTensorType` is 72 bytes; it is only handed on.
            type_ = ctypes.create_string_buffer(256)
            self._call("LiteRtGetRankedTensorType", tensor, type_)
            buffers[number] = self._made(
                "LiteRtCreateManagedTensorBufferFromRequirements", environment, type_, needs
            )
        return buffers

    def _fill(self, buffer: int, content: bytes) -> None:
        handle = ctypes.c_void_p(buffer)
        size = ctypes.c_size_t()
        self._call("LiteRtGetTensorBufferPackedSize", handle, ctypes.byref(size))
        address = ctypes.c_void_p()
        self._call("LiteRtLockTensorBuffer", handle, ctypes.byref(address), WRITE)
        ctypes.memmove(address, content, min(size.value, len(content)))
        self._call("LiteRtUnlockTensorBuffer", handle)

    def _made(self, function: str, *arguments: Any) -> ctypes.c_void_p:
        """Call a function whose last argument takes what it makes."""
        made = ctypes.c_void_p()
        self._call(function, *arguments, ctypes.byref(made))
        return made

    def _call(self, function: str, *arguments: Any) -> None:
        """Call a function; every one of them returns a status, 0 for success."""
        try:
            status = getattr(self._library, function)(*arguments)
        except AttributeError:
            raise RunnerError(f"{LIBRARY} has no {function}") from None
        if status:
            raise RunnerError(f"{function} failed with status {status}")
