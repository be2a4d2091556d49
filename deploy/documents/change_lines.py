"""The lines that the sample app writes to `changes.jsonl`, as docs/app-contract.md describes them.

They are those of `documents.changes`, and three more:

    {"hello": {"contract": "edgebench.app/3", "app": "0.1.0"}}   the first of every start
    {"begin": {"kind": "block", "index": 7}}                    the next job, before it starts
    {"end": {"status": "again", "reason": null}}                the last of every start

An app cannot start a fresh process for each job, so a start may end with `again`: there is more to
do, and it needs another process. An app that ends without an `end` line has crashed, and the job
that it had begun has failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgebench.deploy.documents.result import Context, EvaluationResult, MeasuredBlock

CONTRACT = "edgebench.app/3"
CHANGES = "changes.jsonl"


@dataclass(frozen=True)
class Hello:
    """An app's first line: the version of the contract that it implements, and its own version.

    `formats` are those of the files that it can run; an app that names none runs its system's own.
    """

    contract: str
    app: str
    formats: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begin:
    """The job that an app begins: a job of a `slot`, or the block with an `index`."""

    kind: Literal["evaluate", "block", "profile"]
    slot: str | None = None
    index: int | None = None


@dataclass(frozen=True)
class End:
    """How a start of the app ended.

    `done`: nothing of the plan is left. `again`: start the app again. `stopped`: the user or the
    system stopped it. `failed`: nothing can be measured. The last two have a reason, a sentence.
    """

    status: Literal["done", "again", "stopped", "failed"]
    reason: str | None = None


@dataclass(frozen=True)
class ResultChange:
    """A change of the result, as `edgebench.deploy.runner.result.Result.change` takes it."""

    context: Context | None = None
    evaluations: dict[str, EvaluationResult] = field(default_factory=dict)
    block: MeasuredBlock | None = None
    complete: bool | None = None
    start_temperatures_c: dict[str, float] | None = None
    cooled_s: float | None = None


@dataclass(frozen=True)
class OutputFile:
    """The hash (in hex) and size that a file must have when the host fetches it."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ChangeLine:
    """One line of `changes.jsonl`: one of the first five fields, and what belongs to it.

    An `event` says how much of a step is `done`, of a `total`. `files` are the outputs that a
    change names for the first time, by path. They are complete, and the host fetches them.
    """

    hello: Hello | None = None
    begin: Begin | None = None
    event: Literal["cooldown", "evaluate", "block", "profile"] | None = None
    change: ResultChange | None = None
    end: End | None = None
    done: int | None = None
    total: int | None = None
    files: dict[str, OutputFile] = field(default_factory=dict)
