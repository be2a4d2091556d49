"""Check which of the runner's requirements a device's Python has, and say what to do."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.remote.shell import Shell
from edgebench.errors import DeviceError

OLDEST = (3, 8)

INSTALL = "install Python 3.8 or newer there: sudo apt install python3; then: "

RUNTIMES = {
    "tflite": ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite"),
    "onnx": ("onnxruntime",),
    "openvino": ("openvino",),
}
"""The modules that run a format, by format; the first that can be imported is taken."""

# This has to run in any Python 3, so that one that is too old gets a clear message. Each import has
# its own process, because importing a wheel for another processor may crash.
_LOOK = """
import importlib, json, os, platform, signal, struct, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
sys.modules["openvino_telemetry"] = None
def look(names):
    for name in names:
        try:
            module = importlib.import_module(name)
            root = sys.modules[name.split(".")[0]]
            return {"name": root.__name__, "version": str(getattr(root, "__version__", ""))}
        except Exception as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            if not lines[0].startswith("No module named"):
                return {"error": lines[0]}
    return {}
def apart(names):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, json.dumps(look(names)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return {"error": "it crashes when imported (%s)" % name}
    return json.loads(told) if told else {"error": "it ends the process that imports it"}
libc = platform.libc_ver()
print()
print(json.dumps({
    "version": list(sys.version_info[:3]),
    "machine": platform.machine(),
    "bits": struct.calcsize("P") * 8,
    "glibc": libc[1] if libc[0] == "glibc" else "",
    "executable": sys.executable,
    "numpy": apart(["numpy"]),
    "runtimes": dict((form, apart(names)) for form, names in RUNTIMES.items()),
}))
"""


@dataclass(frozen=True)
class FoundModule:
    """A module of a Python (`name`, `version`), or why it cannot be imported (`error`)."""

    name: str = ""
    version: str = ""
    error: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True)
class PythonFacts:
    """A Python on a device. `glibc` is empty if the C library is another one.

    `machine` is the kernel's name, such as aarch64. `bits` is the pointer size of the Python, since
    a 64-bit kernel may run a 32-bit system.
    """

    version: tuple[int, ...]
    machine: str
    bits: int
    glibc: str
    executable: str
    numpy: FoundModule
    runtimes: dict[str, FoundModule]

    @property
    def platform(self) -> str:
        """The name of the machine in file names of wheels."""
        return "armv7l" if self.machine == "aarch64" and self.bits == 32 else self.machine

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


def inspect_python(shell: Shell, python: str) -> PythonFacts | str:
    """The facts of a Python, given as a word of a shell command; or why it does not run.

    Raises `DeviceError`.
    """
    script = f"RUNTIMES = {RUNTIMES!r}\n{_LOOK}"
    # Importing every runtime from a slow memory card takes a while.
    answer = shell.run(f"{python} -c {shlex.quote(script)}", timeout_s=300)
    if answer.status != 0:
        return answer.reason
    try:
        told = json.loads(answer.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise DeviceError(
            f"{python} on {shell.name} is not a Python: {answer.reason}",
            "set another one with `python`",
        ) from None
    return PythonFacts(
        version=tuple(told["version"]),
        machine=told["machine"],
        bits=told["bits"],
        glibc=told["glibc"],
        executable=told["executable"],
        numpy=FoundModule(**told["numpy"]),
        runtimes={form: FoundModule(**one) for form, one in told["runtimes"].items()},
    )


def steps(shell: Shell, python: str, first: str = INSTALL) -> Iterator[CheckStep]:
    """Look at Python, NumPy and the runtimes, step by step.

    `first` is what to do before preparing the device if no Python runs. Raises `DeviceError`.
    """
    prepare = f"edgebench devices prepare {shell.name}"
    found = inspect_python(shell, python)
    if isinstance(found, str):
        yield CheckStep(
            "Python",
            "missing",
            f"no Python works there: {found}",
            f"{first}{prepare}",
        )
        return
    if found.version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        yield CheckStep(
            "Python",
            "missing",
            f"Python {found.version_text} is too old",
            f"install Python {oldest} or newer there, and set it with `python` in the device's "
            "entry",
        )
        return
    libc = f"glibc {found.glibc}" if found.glibc else "no glibc"
    yield CheckStep("Python", "ok", f"Python {found.version_text}, {found.platform}, {libc}")
    if found.bits == 32:
        said = "a 32-bit system, for which there are hardly any wheels"
        yield CheckStep(
            "system", "note", said, "install a 64-bit system, if the processor supports it"
        )
    if not found.numpy.name:
        said = found.numpy.error or "not installed"
        yield CheckStep("NumPy", "missing", said, prepare)
        return
    yield CheckStep("NumPy", "ok", str(found.numpy))
    any_runtime = any(one.name for one in found.runtimes.values())
    for form, one in found.runtimes.items():
        if one.name:
            yield CheckStep(form, "ok", str(one))
        else:
            state: Literal["note", "missing"] = "note" if any_runtime else "missing"
            yield CheckStep(form, state, one.error or "no runtime is installed", prepare)
