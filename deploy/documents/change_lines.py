"""The lines that the sample app writes to `changes.jsonl`, as docs/app-contract.md describes them.

They are those of `documents.changes`, and three of the app's own:

    {"hello": {"contract": "edgebench.app/2", "app": "0.1.0"}}   the first of every start
    {"begin": {"kind": "block", "index": 7}}                    what it is at, before it is at it
    {"end": {"status": "again", "reason": null}}                the last of every start

A system can give an app no fresh process for each job as we do, so a start may end with `again`:
there is more to do, and it takes another process. An app that is gone without an `end` has crashed,
and the job that it was at is the one that failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgebench.deploy.documents.result import Context, EvaluationResult, MeasuredBlock

CONTRACT = "edgebench.app/2"
CHANGES = "changes.jsonl"


@dataclass(frozen=True)
class Hello:
    """What an app says of itself: the version of the contract that it keeps, and its own."""

    contract: str
    app: str


@dataclass(frozen=True)
class Begin:
    """The job that an app begins: of a `slot`, or the block of an `index`."""

    kind: Literal["evaluate", "block", "profile"]
    slot: str | None = None
    index: int | None = None


@dataclass(frozen=True)
class End:
    """How a start of the app ended.

    `done`: nothing of the plan is left. `again`: start it again. `stopped`: by its user or the
    system, and `failed`: nothing can be measured, both with the reason in a sentence.
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
    """What the host has to get when it fetches a file: its hash, in hex, and its size."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ChangeLine:
    """One line of `changes.jsonl`: one of these five, and what goes with it.

    An `event` tells how much of a step is `done`, of a `total`. `files` are the outputs that a
    change is the first to name, by path: whole by then, for the host to fetch.
    """

    hello: Hello | None = None
    begin: Begin | None = None
    event: Literal["cooldown", "evaluate", "block", "profile"] | None = None
    change: ResultChange | None = None
    end: End | None = None
    done: int | None = None
    total: int | None = None
    files: dict[str, OutputFile] = field(default_factory=dict)
