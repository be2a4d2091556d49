"""The contract of the sample apps: its schemas and its examples are those of the code."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from accepted import accept

from edgebench.deploy.documents import schemas
from edgebench.deploy.documents.change_lines import (
    CONTRACT,
    Begin,
    ChangeLine,
    End,
    Hello,
    OutputFile,
    ResultChange,
)
from edgebench.deploy.documents.plan import (
    EvaluationInputs,
    Group,
    KeptOutput,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.result import (
    Context,
    EvaluationResult,
    MeasuredBlock,
    Readings,
    RunResult,
    Runtime,
    Turn,
    WarmedUp,
)
from edgebench.documents import decode, dump, load
from edgebench.tasks.reduction import identity

DOC = Path(__file__).parents[2] / "docs/app-contract.md"

CONTENT, INPUTS = "5f0c" + 60 * "1", "9a3e" + 60 * "2"
BASE, MODEL = "base.fp32", "attention.fp32"
GROUP = "base, tflite fp32"
KEPT = KeptOutput("logits", "logits", "Identity", 0, (0, 1), identity((5,)))
IMAGES = EvaluationInputs(f"{INPUTS}.npz", INPUTS, (0.5,) * 3, (0.25,) * 3, (0, 2, 3, 1), (KEPT,))
PLAN = Plan(
    id="20261121-120000-pixel7",
    seed=0,
    threads=1,
    cores=None,
    delegate="xnnpack",
    artifacts={
        name: PlannedArtifact(name, f"{digest}.tflite", digest, "tflite", IMAGES)
        for name, digest in ((BASE, CONTENT), (MODEL, CONTENT[::-1]))
    },
    groups=(Group(GROUP, BASE, (BASE, MODEL), TurnLength(3, 2, 1)),),
    processes=1,
    first_look=1,
    blocks=(PlannedBlock(0, 0, GROUP, (BASE, BASE, MODEL, MODEL)),),
    warmup=Warmup(3, 0.05, 1.0),
)
READINGS = Readings(
    unix_s=1795262658.904,
    frequencies_khz=None,
    governors=None,
    temperatures_c={"battery": 31.5},
    thermal_status=0,
    throttled=None,
    battery_percent=87.0,
    charging=True,
    load_1min=None,
    running=None,
    busy_s=None,
    steal_s=None,
    own_s=4.31,
    core=6,
    time_in_state_s=None,
    probe_ns=(36304, 36224, 36233),
)
WARM = (9_911_000, 9_402_000, 9_399_000, 9_405_000, 9_395_000, 9_402_000)
TURN = Turn(BASE, (9_733_000, 9_414_000), (9_398_000,), (9_396_000,))
LOGITS = "outputs/base.fp32/logits.npy"
EVALUATION = EvaluationResult(
    error=None,
    load_s=0.041,
    first_inference_s=0.013,
    peak_memory_bytes=18_350_080,
    outputs={"logits": LOGITS},
    partitions=1,
    leftover_ops=(),
)
CONTEXT = Context(
    runtimes={"tflite": Runtime("litert-android", "1.4.0")},
    python=None,
    numpy=None,
    system="Android",
    kernel="16",
    machine="arm64-v8a",
    cpu_model="Google Tensor G2",
    core_count=8,
    cores=None,
    threads=1,
    delegate="xnnpack",
)
RESULT = RunResult(
    plan_sha256="c1d4" + 60 * "3",
    started="2026-11-21T12:00:04Z",
    updated="2026-11-21T12:00:31Z",
    complete=False,
    context=CONTEXT,
    evaluations={BASE: EVALUATION},
    blocks=(MeasuredBlock(0, 0, GROUP, None, None, None, (WarmedUp(BASE, True, WARM),), (TURN,)),),
)
FILE = OutputFile("27be" + 60 * "4", 608)


def line(**parts: Any) -> str:
    """A line of changes.jsonl, and proof that it is read as what it says."""
    body = {
        name: {k: v for k, v in msgspec.to_builtins(part).items() if v not in (None, {})}
        if isinstance(part, Begin | ResultChange)
        else msgspec.to_builtins(part)
        for name, part in parts.items()
    }
    for found in body.get("change", {}).get("evaluations", {}).values():
        del found["profile"]  # It was not profiled yet.
    text = json.dumps(body)
    read = decode(text, ChangeLine)
    assert all(getattr(read, name) == part for name, part in parts.items())
    return text


def result() -> str:
    """The example of a result, as an app writes it."""
    body = json.loads(dump(RESULT))
    for found in body["evaluations"].values():
        del found["profile"]
    return json.dumps(body, indent=1)


def examples() -> dict[str, str]:
    """Every example of the contract, by the name of its marker."""
    lines = [
        line(hello=Hello(CONTRACT, "0.1.0", ("tflite",))),
        line(change=ResultChange(context=CONTEXT), files={}),
        line(begin=Begin("evaluate", slot=BASE)),
        line(
            change=ResultChange(evaluations={BASE: EVALUATION}),
            files={LOGITS: FILE},
        ),
        line(event="evaluate", done=1, total=2),
        line(end=End("again")),
        line(hello=Hello(CONTRACT, "0.1.0", ("tflite",))),
        line(begin=Begin("block", index=0)),
        line(change=ResultChange(block=RESULT.blocks[0]), files={}),
        line(event="block", done=1, total=1),
        line(end=End("stopped", "the app was put in the background")),
    ]
    return {
        "plan": f"```json\n{dump(PLAN)}```\n",
        "result": f"```json\n{result()}\n```\n",
        "readings": f"```json\n{json.dumps(msgspec.to_builtins(READINGS), indent=1)}\n```\n",
        "changes": "```json\n" + "\n".join(lines) + "\n```\n",
    }


@pytest.mark.parametrize("name", examples())
def test_the_examples_in_the_contract_are_what_the_code_writes(name: str) -> None:
    start, end = f"<!-- example: {name} -->\n", f"<!-- end: {name} -->"
    before, begun, rest = DOC.read_text().partition(start)
    shown, ended, after = rest.partition(end)
    assert begun and ended, f"{DOC} has no example {name}"
    wanted = examples()[name]
    if os.environ.get("EDGEBENCH_ACCEPT"):
        DOC.write_text(before + start + wanted + end + after)
        shown = wanted
    assert shown == wanted, (
        f"the example {name} in {DOC} is not what the code writes; look at both, and if the code "
        f"is right accept it with:\n{accept()}"
    )


def test_the_documents_in_the_contract_are_read_as_they_stand(tmp_path: Path) -> None:
    for name, kind, document in (("plan", Plan, PLAN), ("result", RunResult, RESULT)):
        shown = re.search(f"<!-- example: {name} -->\n```json\n(.*?)```", DOC.read_text(), re.S)
        assert shown is not None
        (tmp_path / name).write_text(shown.group(1))
        assert load(tmp_path / name, kind) == document


def test_the_contract_names_its_version_and_every_field_of_the_readings() -> None:
    text = DOC.read_text()
    assert CONTRACT in text and Plan.SCHEMA in text and RunResult.SCHEMA in text
    fields = {name for kind in (Readings, Context) for name in kind.__dataclass_fields__}
    missing = sorted(name for name in fields if f"`{name}`" not in text)
    assert not missing, f"docs/app-contract.md says nothing of {missing}"


@pytest.mark.parametrize("name", schemas.texts())
def test_the_schemas_are_those_of_the_dataclasses(name: str) -> None:
    path = schemas.FOLDER / name
    assert path.exists() and path.read_text() == schemas.texts()[name], (
        f"{path} is not the schema of the dataclasses any more; apps and farms read it: if the "
        f"change is meant, write it anew with:\n.venv/bin/{schemas.COMMAND}"
    )


def test_the_schemas_ask_for_what_every_document_begins_with() -> None:
    for name, kind in (("plan.json", Plan), ("result.json", RunResult)):
        schema = json.loads(schemas.texts()[name])
        body = schema["$defs"][kind.__name__]
        assert body["properties"]["schema"] == {"const": kind.SCHEMA}
        assert set(json.loads(dump(PLAN if kind is Plan else RESULT))) >= set(body["required"])
