"""The phone and its software, for the context of a result."""

from __future__ import annotations

from edgebench.deploy.benchmark_model.output import NAME
from edgebench.deploy.benchmark_model.tool import Tool, mask
from edgebench.deploy.device.cores import ranges
from edgebench.deploy.remote.shell import quoted
from edgebench.deploy.runner.messages import Json, RunnerError
from edgebench.errors import DeviceError

ASKED = {
    "release": "getprop ro.build.version.release",
    "maker": "getprop ro.soc.manufacturer",
    "soc": "getprop ro.soc.model",
    "hardware": "getprop ro.hardware",
    "kernel": "uname -r",
    "machine": "uname -m",
    "cores": "cat /sys/devices/system/cpu/present",
    "online": "nproc",
}


def context(tool: Tool, plan: Json) -> Json:
    """The context that a result begins with.

    Raises `RunnerError` where the plan cannot run, and `DeviceError`.

    The tool has no version; the hash of its content identifies it.
    """
    lines = "".join(f"echo {name}=$({command} 2>/dev/null); " for name, command in ASKED.items())
    said = tool.shell.check_output(
        f"{lines}echo hash=$(sha256sum {quoted(tool.path)})"
    ).splitlines()
    told = {name: value.strip() for name, _, value in (line.partition("=") for line in said)}
    if plan["delegate"] not in tool.delegates:
        raise RunnerError(
            f"this {NAME} has no {plan['delegate']} delegate; it has: {', '.join(tool.delegates)}"
        )
    count = core_count(told.get("cores", "")) or int(told.get("online") or 1)
    if plan["cores"] is not None:
        _check_cores(tool, plan["cores"])
    processor = " ".join(filter(None, (told.get("maker"), told.get("soc"))))
    release = told.get("release")
    return {
        "runtimes": {"tflite": {"name": NAME, "version": told.get("hash", "")[:12]}},
        "libraries": dict(tool.libraries.hashes) if tool.libraries else None,
        "python": None,
        "numpy": None,
        "system": f"Android {release}" if release else "Linux",
        "kernel": told.get("kernel", ""),
        "machine": told.get("machine", ""),
        "cpu_model": processor or told.get("hardware") or None,
        "core_count": count,
        "cores": plan["cores"],
        "threads": plan["threads"],
        "delegate": plan["delegate"],
    }


def _check_cores(tool: Tool, cores: list[int]) -> None:
    """Check that `taskset` pins a process to the cores. Raises `DeviceError`.

    The kernel is asked too: it leaves out cores that a process may not use, and some versions of
    `taskset` read the mask differently.
    """
    done = tool.shell.run(f"taskset {mask(cores)} grep Cpus_allowed_list: /proc/self/status")
    kept = done.stdout.strip().rpartition("\t")[2]
    if done.status == 0 and kept == ranges(cores):
        return
    name = tool.shell.name
    raise DeviceError(
        f"{name} does not keep programs on cores {ranges(cores)}: "
        + (done.reason if done.status else f"it uses cores {kept} instead"),
        f"choose others with --cores, or use all of them with --cores all; edgebench devices "
        f"check {name} lists them",
    )


def core_count(ranges: str) -> int:
    """The number of cores in the kernel's list, such as 8 for 0-3,4-7; 0 if it has none."""
    total = 0
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            total += int(last or first) - int(first) + 1
    return total
