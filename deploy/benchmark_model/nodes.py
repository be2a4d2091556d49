"""Have LiteRT's tool write which delegate runs which operator, and bring the file back."""

from __future__ import annotations

import tempfile
from pathlib import Path

from edgebench.deploy.benchmark_model.images import ONCE
from edgebench.deploy.benchmark_model.runtime_info import RuntimeInfo, read
from edgebench.deploy.benchmark_model.tool import Tool
from edgebench.deploy.remote.shell import DeviceLostError, quoted
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.messages import Json
from edgebench.errors import DeviceError, InvalidFileError

FILE = "model_runtime_info_output_file"
ASKED = "export_model_runtime_info"
"""The Interpreter's tool wants to be asked too; that of the CompiledModel API does not."""


def exported_nodes(
    store: Store, tool: Tool, plan: Json, graph: str, there: str
) -> RuntimeInfo | None:
    """What runs each operator of a graph. `there` is the plan's folder on the device.

    None where the tool does not write it. Raises `DeviceLostError`.
    """
    if FILE not in tool.flags or plan["delegate"] == "none":
        return None
    written = f"{there}/nodes"
    asked = (f"--{ASKED}=true",) if ASKED in tool.flags else ()
    store.shell.check_output(f"mkdir -p {quoted(there)}; rm -f {quoted(written)}")
    tool.run(plan, graph, *ONCE, *asked, f"--{FILE}={written}")
    size = store.shell.run(f"wc -c <{quoted(written)}")
    if size.status != 0 or not size.stdout.strip().isdigit():
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder, "nodes")
            store.shell.fetch(quoted(written), here, int(size.stdout))
            found = read(here.read_bytes())
    except DeviceLostError:
        raise
    except (DeviceError, InvalidFileError):
        return None  # The tool's lines say less, but enough.
    return found if found.operators else None
