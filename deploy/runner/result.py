"""The result file: read back if it is there, changed bit by bit, replaced whole at every change."""

from __future__ import annotations

import json
import os
from typing import Any

from .messages import Json, Reporter, RunnerError, now

SCHEMA = "edgebench.result/4"


class Result:
    """What a plan has produced so far.

    Every change is written before the audience hears of it. A copy elsewhere is kept by giving
    the same changes to its own `Result.change`.
    """

    def __init__(self, path: str, plan_sha256: str, reporter: Reporter) -> None:
        self.path = path
        self.reporter = reporter
        self.body: Json = {
            "schema": SCHEMA,
            "plan_sha256": plan_sha256,
            "started": now(),
            "updated": now(),
            "complete": False,
            "context": None,
            "start_temperatures_c": None,
            "cooled_s": 0.0,
            "evaluations": {},
            "blocks": [],
        }
        if os.path.exists(path):
            self.body = self._read(plan_sha256)

    def _read(self, plan_sha256: str) -> Json:
        try:
            with open(self.path, encoding="utf-8") as file:
                body: Json = json.load(file)
        except ValueError:
            raise RunnerError(f"{self.path} is not JSON; move it away to start again") from None
        if body.get("schema") != SCHEMA:
            raise RunnerError(f"{self.path} is not an {SCHEMA} file; move it away")
        if body["plan_sha256"] != plan_sha256:
            raise RunnerError(f"{self.path} belongs to another plan; use a new result file")
        return body

    def change(self, **parts: Any) -> None:
        """Set a part such as `context`, add to `evaluations`, or put in one `block`, and write."""
        for name, part in parts.items():
            if name == "block":
                self._put(part)
            elif name == "evaluations":
                self.body[name].update(part)
            else:
                self.body[name] = part
        self.write()
        self.reporter.change(parts)

    def _put(self, block: Any) -> None:
        kept = [old for old in self.body["blocks"] if old["index"] != block["index"]]
        self.body["blocks"] = sorted([*kept, block], key=lambda one: int(one["index"]))

    def write(self) -> None:
        self.body["updated"] = now()
        temporary = self.path + ".part"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self.body, file, allow_nan=False)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise RunnerError(f"cannot write {self.path}: {error.strerror}") from None
