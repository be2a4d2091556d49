"""The parent: schedule, write, resume."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from typing import IO, Iterator  # noqa: UP035

from .messages import Json, RunnerError, event, now, say

PLAN_SCHEMA = "edgebench.plan/2"
RESULT_SCHEMA = "edgebench.result/2"


class Result:
    """The result file: read back if it is there, replaced whole at every change."""

    def __init__(self, path: str, plan_sha256: str) -> None:
        self.path = path
        self.body: Json = {
            "schema": RESULT_SCHEMA,
            "plan_sha256": plan_sha256,
            "started": now(),
            "updated": now(),
            "complete": False,
            "context": None,
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
            raise RunnerError(f"{self.path} is not JSON; move it away to start afresh") from None
        if body.get("schema") != RESULT_SCHEMA:
            raise RunnerError(f"{self.path} is not a {RESULT_SCHEMA} file; move it away")
        if body["plan_sha256"] != plan_sha256:
            raise RunnerError(f"{self.path} belongs to another plan; give a new result file")
        return body

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

    def add_block(self, block: Json) -> None:
        kept = [old for old in self.body["blocks"] if old["index"] != block["index"]]
        self.body["blocks"] = sorted([*kept, block], key=lambda one: int(one["index"]))
        self.write()


class Run:
    """One call of the runner: the plan, what is done already, and the child at work."""

    def __init__(self, plan_path: str, result_path: str) -> None:
        with open(plan_path, "rb") as file:
            content = file.read()
        self.plan: Json = json.loads(content)
        if self.plan.get("schema") != PLAN_SCHEMA:
            raise RunnerError(f"{plan_path} is not a {PLAN_SCHEMA} file")
        self.plan_path = plan_path
        self.result = Result(result_path, hashlib.sha256(content).hexdigest())
        self.outputs = os.path.join(os.path.dirname(os.path.abspath(result_path)), "outputs")

    def go(self) -> None:
        context = self._only_answer({"kind": "context"})
        if context.get("error"):
            raise RunnerError(context["error"])
        self.result.body["context"] = context
        self.result.write()
        self._evaluate()
        self._measure()
        evaluations, blocks = self.result.body["evaluations"], self.result.body["blocks"]
        if all(one["error"] for one in evaluations.values()):
            raise RunnerError(
                "no artifact could be run: " + next(iter(evaluations.values()))["error"]
            )
        self.result.body["complete"] = len(blocks) == len(self.plan["blocks"]) and not any(
            one["error"] for one in [*blocks, *evaluations.values()]
        )
        self.result.write()
        if self.plan.get("profile"):
            self._profile()

    def _evaluate(self) -> None:
        done = self.result.body["evaluations"]
        for number, slot in enumerate(self.plan["artifacts"]):
            if slot not in done or done[slot]["error"]:
                done[slot] = self._only_answer(
                    {"kind": "evaluate", "slot": slot, "outputs": self.outputs}
                )
                if done[slot]["error"]:
                    say(f"{slot}: {done[slot]['error']}")
                self.result.write()
            event("evaluate", done=number + 1, total=len(self.plan["artifacts"]))

    def _measure(self) -> None:
        total = len(self.plan["blocks"])
        done = {one["index"] for one in self.result.body["blocks"] if not one["error"]}
        for process in range(self.plan["processes"]):
            todo = []
            for block in self.plan["blocks"]:
                if block["process"] == process and block["index"] not in done:
                    order, error = self._measurable(block)
                    if error:
                        self.result.add_block(failed_block(block, error))
                    else:
                        todo.append({**block, "order": order})
            for block in self._blocks_of(todo):
                self.result.add_block(block)
                event("block", done=len(self.result.body["blocks"]), total=total)
                if block["error"]:
                    say(f"block {block['index']}: {block['error']}")

    def _profile(self) -> None:
        """Last, for it may heat the device; a profiler that fails costs nothing but its profile."""
        evaluations = self.result.body["evaluations"]
        for number, (slot, done) in enumerate(evaluations.items()):
            if not done["error"] and "profile" not in done:
                answer = self._only_answer({"kind": "profile", "slot": slot})
                if answer["error"]:
                    say(f"{slot} has no profile: {answer['error']}")
                done["profile"] = answer.get("profile")
                self.result.write()
            event("profile", done=number + 1, total=len(evaluations))

    def _measurable(self, block: Json) -> tuple[list[str], str | None]:
        """The block's order without the slots that failed, or why nothing is left to compare."""
        failed = {s for s, one in self.result.body["evaluations"].items() if one["error"]}
        baseline = next(g["baseline"] for g in self.plan["groups"] if g["name"] == block["group"])
        order = [slot for slot in block["order"] if slot not in failed]
        if baseline in failed:
            return [], f"the baseline {baseline} does not run"
        if set(order) == {baseline}:
            return [], f"nothing that runs is left to compare with {baseline}"
        return order, None

    def _blocks_of(self, todo: list[Json]) -> Iterator[Json]:
        """Measure blocks in one fresh process; one that dies fails the block it was at."""
        remaining = list(todo)
        if not remaining:
            return
        for answer in self._answers({"kind": "measure", "blocks": todo}):
            if "died" in answer:
                yield failed_block(remaining[0], answer["died"])
            else:
                remaining.pop(0)
                yield answer

    def _only_answer(self, job: Json) -> Json:
        for answer in self._answers(job):
            return {"error": answer["died"]} if "died" in answer else answer
        raise RunnerError(f"the {job['kind']} process gave no answer")

    def _answers(self, job: Json) -> Iterator[Json]:
        """Run a job in a fresh child. It waits after each answer until we have dealt with it.

        Otherwise writing the result would compete with the next block for the processor.
        """
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(
                [sys.executable, os.path.abspath(sys.argv[0]), "--child", self.plan_path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(json.dumps(job).encode() + b"\n")
                child.stdin.flush()
                for line in child.stdout:
                    yield json.loads(line)
                    child.stdin.write(b"\n")
                    child.stdin.flush()
            except BrokenPipeError:
                pass  # It died; its exit status says of what.
            finally:
                if sys.exc_info()[0] is not None:
                    child.kill()
                child.stdout.close()
                status = child.wait()
            if status != 0:
                yield {"died": reason_of_death(status, log)}


def failed_block(block: Json, error: str) -> Json:
    kept = {name: block[name] for name in ("index", "process", "group")}
    return {**kept, "error": error, "before": None, "after": None, "visits": []}


def reason_of_death(status: int, log: IO[bytes]) -> str:
    if status < 0:
        return f"the runtime crashed ({signal.Signals(-status).name})"
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return f"the process failed: {lines[-1] if lines else f'status {status}'}"
