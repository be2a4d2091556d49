"""The parent: schedule, write, resume."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Callable, Iterator  # noqa: UP035

from .cooling import Temperatures, cool_down
from .messages import Json, Reporter, RunnerError
from .result import Result

PLAN_SCHEMA = "edgebench.plan/4"

Worker = Callable[[Json], Iterator[Json]]
"""Carries out one job in a fresh process, and answers; see `worker.fresh_process`.

The kinds of jobs are context, readings, evaluate, measure and profile.
"""


class Scheduler:
    """One call of the runner: the plan, what is done already, the worker, and who hears of it.

    Raises `RunnerError` and whatever the worker raises.
    """

    def __init__(
        self,
        plan_path: str,
        result_path: str,
        worker: Worker,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        with open(plan_path, "rb") as file:
            content = file.read()
        self.plan: Json = json.loads(content)
        if self.plan.get("schema") != PLAN_SCHEMA:
            raise RunnerError(
                f"{plan_path} is not an {PLAN_SCHEMA} file; make it again with edgebench plan"
            )
        self._worker = worker
        self._reporter = reporter
        self._clock = clock
        self._sleep = sleep
        self.result = Result(result_path, hashlib.sha256(content).hexdigest(), reporter)
        self.folder = os.path.dirname(os.path.abspath(result_path))

    def run(self) -> None:
        context = self._only_answer({"kind": "context"})
        if context.get("error"):
            raise RunnerError(context["error"])
        self.result.change(context=context)
        self._note_start()
        self._evaluate()
        self._measure()
        evaluations, blocks = self.result.body["evaluations"], self.result.body["blocks"]
        if all(one["error"] for one in evaluations.values()):
            raise RunnerError(
                "no artifact could be run: " + next(iter(evaluations.values()))["error"]
            )
        complete = len(blocks) == len(self.plan["blocks"]) and not any(
            one["error"] for one in [*blocks, *evaluations.values()]
        )
        self.result.change(complete=complete)
        if self.plan.get("profile"):
            self._profile()

    def _evaluate(self) -> None:
        done = self.result.body["evaluations"]
        planned = self.plan["artifacts"]
        for number, slot in enumerate(planned):
            if slot not in done or done[slot]["error"]:
                # A model that is measured against itself is evaluated once.
                same = (one for other, one in done.items() if planned[other] == planned[slot])
                job = {"kind": "evaluate", "slot": slot, "folder": self.folder}
                found = next((one for one in same if not one["error"]), None)
                found = found or self._only_answer(job)
                self.result.change(evaluations={slot: found})
                if found["error"]:
                    self._reporter.say(f"{slot}: {found['error']}")
            self._reporter.event("evaluate", done=number + 1, total=len(self.plan["artifacts"]))

    def _measure(self) -> None:
        total = len(self.plan["blocks"])
        done = {one["index"] for one in self.result.body["blocks"] if not one["error"]}
        for process in range(self.plan["processes"]):
            todo = []
            for block in self.plan["blocks"]:
                if block["process"] == process and block["index"] not in done:
                    order, error = self._measurable(block)
                    if error:
                        self.result.change(block=failed_block(block, error))
                    else:
                        todo.append({**block, "order": order})
            if todo:
                self._cool_down()
            for block in self._blocks_of(todo):
                self.result.change(block=block)
                self._reporter.event("block", done=len(self.result.body["blocks"]), total=total)
                if block["error"]:
                    self._reporter.say(f"block {block['index']}: {block['error']}")

    def _note_start(self) -> None:
        """Keep the temperatures that the device is to cool to: the plan's, or those of now.

        They stay in the result, so that a run that goes on later cools to the same.
        """
        rule = self.plan.get("cooldown")
        if rule and self.result.body.get("start_temperatures_c") is None:
            self.result.change(start_temperatures_c=rule["start_c"] or self._temperatures())

    def _cool_down(self) -> None:
        rule, start = self.plan.get("cooldown"), self.result.body.get("start_temperatures_c")
        if not (rule and start):
            return

        def tell(words: str, done: int, total: int) -> None:
            self._reporter.event("cooldown", done, total, words)

        waited = cool_down(rule, start, self._temperatures, tell, self._clock, self._sleep)
        self.result.change(cooled_s=self.result.body.get("cooled_s", 0.0) + waited)

    def _temperatures(self) -> Temperatures | None:
        found = self._only_answer({"kind": "readings"}).get("readings")
        return found["temperatures_c"] if found else None

    def _profile(self) -> None:
        """Last, for it may heat the device; a profiler that fails costs nothing but its profile."""
        evaluations = self.result.body["evaluations"]
        for number, (slot, done) in enumerate(list(evaluations.items())):
            if not done["error"] and "profile" not in done:
                answer = self._only_answer({"kind": "profile", "slot": slot})
                if answer["error"]:
                    self._reporter.say(f"{slot} has no profile: {answer['error']}")
                changed = {**done, "profile": answer.get("profile")}
                self.result.change(evaluations={slot: changed})
            self._reporter.event("profile", done=number + 1, total=len(evaluations))

    def _measurable(self, block: Json) -> tuple[list[str], str | None]:
        """The block's order without the slots that failed, or why nothing is left to compare."""
        failed = {s for s, one in self.result.body["evaluations"].items() if one["error"]}
        baseline = next(g["baseline"] for g in self.plan["groups"] if g["name"] == block["group"])
        order = [slot for slot in block["order"] if slot not in failed]
        if baseline in failed:
            return [], f"the baseline {baseline} does not run"
        if set(order) == {baseline}:
            return [], f"no model that runs is left to compare with {baseline}"
        return order, None

    def _blocks_of(self, todo: list[Json]) -> Iterator[Json]:
        """Measure blocks in one fresh process; one that dies fails the block it was at."""
        remaining = list(todo)
        if not remaining:
            return
        for answer in self._worker({"kind": "measure", "blocks": todo}):
            if "died" in answer:
                yield failed_block(remaining[0], answer["died"])
            else:
                remaining.pop(0)
                yield answer

    def _only_answer(self, job: Json) -> Json:
        for answer in self._worker(job):
            return {"error": answer["died"]} if "died" in answer else answer
        raise RunnerError(f"the {job['kind']} process gave no answer")


def failed_block(block: Json, error: str) -> Json:
    kept = {name: block[name] for name in ("index", "process", "group")}
    nothing: Json = {"before": None, "after": None, "warmups": [], "turns": []}
    return {**kept, "error": error, **nothing}
