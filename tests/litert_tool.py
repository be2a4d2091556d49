"""Makes stand-ins for `benchmark_model` from `litert_tool_program.py`."""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("litert_tool_program.py")


def write(path: Path, **mode: object) -> Path:
    """Write the program, with what a test asks of it.

    form: "new" (with percentiles), "old" (without, and with fewer options), or "compiled" (the tool
        of the CompiledModel API).
    gpu: "none" (an unknown option), "refused", "partial", "whole", or "unused".
    qnn: "none" (no external delegates), "partial", "whole", or "unused".
    npu: of the form "compiled": "whole", "refused", "silent" (XNNPACK ran it), or
        "quiet" (it says nothing of the NPU).
    info: whether it writes the file about the graph.
    fail: "" or "crash", "killed", "garbage", "hang", "nan"; fail_after: so many runs go well first.
    """
    settings = {
        "form": "new",
        "gpu": "none",
        "qnn": "none",
        "npu": "whole",
        "info": False,
        "fail": "",
        "fail_after": 0,
        **mode,
    }
    settings["count"] = str(path.with_name(path.name + ".count"))
    source = PROGRAM.read_text().replace("MODE: dict = {}", f"MODE = {settings!r}", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(0o755)
    return path
