"""The child: load, evaluate, measure."""

from __future__ import annotations

import gc
import json
import os
import platform
import signal
import sys
import time
from typing import Any

from . import machine
from .engines import engine
from .files import checked, stored_inputs
from .messages import Json, RunnerError, first_line
from .outputs import KeptOutputs, check_finite
from .profilers import profile
from .readings import readings, readings_after
from .timing import cpu_clock_is_fine, take_turn, warm_up


class Child:
    """A fresh process that carries out one job and answers in JSON lines."""

    def __init__(self, plan_path: str) -> None:
        machine.die_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent decides when to stop.
        # Libraries may print to stdout; keep the channel to ourselves.
        self.channel = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        with open(plan_path, encoding="utf-8") as file:
            self.plan: Json = json.load(file)
        self.files = os.path.join(os.path.dirname(os.path.abspath(plan_path)), "files")

    def run(self) -> None:
        job: Json = json.loads(sys.stdin.readline())
        jobs = {
            "context": self._context,
            "readings": self._readings,
            "evaluate": self._evaluate,
            "measure": self._measure,
            "profile": self._profile,
        }
        jobs[job["kind"]](job)

    def _answer(self, body: Json) -> None:
        self.channel.write(json.dumps(body, allow_nan=False) + "\n")
        self.channel.flush()
        if not sys.stdin.readline():
            raise SystemExit(0)  # Nobody listens any more.

    def _pin(self) -> None:
        cores = self.plan["cores"]
        if cores is None:
            return
        if not hasattr(os, "sched_setaffinity"):
            raise RunnerError("this system cannot pin a process to cores; omit --cores")
        try:
            os.sched_setaffinity(0, cores)
        except OSError:
            raise RunnerError(
                f"cannot run on cores {cores}: allowed are "
                f"{sorted(os.sched_getaffinity(0))}; choose others with --cores"
            ) from None

    def _context(self, job: Json) -> None:
        try:
            self._pin()
            import numpy

            runtimes = self._runtimes()
        except (RunnerError, ImportError) as error:
            self._answer({"error": first_line(error)})
            return
        self._answer(
            {
                "runtimes": runtimes,
                "python": platform.python_version(),
                "numpy": numpy.__version__,
                "system": platform.system(),
                "kernel": platform.release(),
                "machine": platform.machine(),
                "cpu_model": machine.cpu_model(),
                "core_count": os.cpu_count() or 1,
                "cores": sorted(os.sched_getaffinity(0)) if machine.can_pin() else None,
                "threads": self.plan["threads"],
                "delegate": self.plan["delegate"],
            }
        )

    def _readings(self, job: Json) -> None:
        self._answer({"readings": readings()})

    def _runtimes(self) -> Json:
        """Name and version by format; one that is missing fails its artifacts, all fail the run."""
        found, missing = {}, []
        for form in sorted({one["format"] for one in self.plan["artifacts"].values()}):
            try:
                name, version = engine(form).runtime()
                found[form] = {"name": name, "version": version}
            except RunnerError as error:
                missing.append(str(error))
        if not found:
            raise RunnerError("; ".join(missing))
        return found

    def _evaluate(self, job: Json) -> None:
        try:
            self._answer({"error": None, **self._evaluation(job["slot"], job["folder"])})
        except Exception as error:
            self._answer({"error": first_line(error)})

    def _evaluation(self, slot: str, folder: str) -> Json:
        self._pin()
        planned = self.plan["artifacts"][slot]
        checked(self.files, planned["file"], planned["sha256"])
        engine(planned["format"]).runtime()  # Its import counts neither as loading nor as memory.
        bare = machine.peak_memory_bytes(restart=True)
        start = time.perf_counter_ns()
        opened = self._engine(planned)
        loaded = time.perf_counter_ns()
        opened.fill({})
        fed = time.perf_counter_ns()
        opened.invoke()
        first = time.perf_counter_ns()
        opened.invoke()
        peak = machine.peak_memory_bytes()
        outputs = self._outputs(opened, slot, folder)
        return {
            "load_s": (loaded - start) / 1e9,
            "first_inference_s": (first - fed) / 1e9,
            "peak_memory_bytes": None if peak is None or bare is None else peak - bare,
            "outputs": outputs,
            "images": self.plan.get("images"),
            **opened.delegation(),
        }

    def _outputs(self, opened: Any, slot: str, folder: str) -> Json | None:
        """Run the evaluation inputs and save the outputs: their files, by role."""
        np, evaluation = opened.np, self.plan["artifacts"][slot]["evaluation"]
        if evaluation is None:
            for number, name in enumerate(opened.output_names()):
                check_finite(np, name, opened.output(number))
            return None
        stored = stored_inputs(np, self.files, evaluation, self.plan.get("images"))
        with KeptOutputs(np, evaluation["outputs"], folder, slot, stored.count) as kept:
            for inputs in stored:
                for place, values in inputs.items():
                    opened.feed(opened.inputs[place], values)
                opened.invoke()
                kept.add(lambda one: opened.output(opened.place(one)))
                self._ran(kept.added, stored.count)
        return kept.names

    def _ran(self, done: int, total: int) -> None:
        """So many of the evaluation inputs have run. Nobody is told: it takes next to no time."""

    def _profile(self, job: Json) -> None:
        try:
            self._pin()
            planned = self.plan["artifacts"][job["slot"]]
            path = checked(self.files, planned["file"], planned["sha256"])
            self._answer({"error": None, "profile": profile(path, planned, self.plan)})
        except Exception as error:
            self._answer({"error": first_line(error)})

    def _engine(self, planned: Json) -> Any:
        return engine(planned["format"])(os.path.join(self.files, planned["file"]), self.plan)

    def _measure(self, job: Json) -> None:
        self._pin()
        lengths = {group["name"]: group["turn"] for group in self.plan["groups"]}
        cpu_known = cpu_clock_is_fine()
        gc.disable()  # A collection of Python's garbage would count as an inference's time.
        for block in job["blocks"]:
            # Where a model lies in memory decides how it shares the caches, and that is another
            # place each time it is loaded. In random order, for the first one has the first choice.
            opened = {slot: self._opened(slot) for slot in dict.fromkeys(block["order"])}
            warmups = [self._warm_up(slot, one) for slot, one in opened.items()]
            before = readings()
            length = lengths[block["group"]]
            turns = [_turn(slot, opened[slot], length, cpu_known) for slot in block["order"]]
            after = readings_after()
            opened.clear()
            gc.collect()
            kept = {name: block[name] for name in ("index", "process", "group")}
            measured = {"before": before, "after": after, "warmups": warmups, "turns": turns}
            self._answer({**kept, "error": None, **measured})

    def _opened(self, slot: str) -> Any:
        """A model, loaded and fed with the first of its inputs."""
        planned = self.plan["artifacts"][slot]
        found = self._engine(planned)
        evaluation = planned["evaluation"]
        stored = stored_inputs(found.np, self.files, evaluation, 1) if evaluation else ()
        found.fill(next(iter(stored), {}))
        return found

    def _warm_up(self, slot: str, opened: Any) -> Json:
        rule = self.plan["warmup"]
        times, steady = warm_up(opened.invoke, rule["window"], rule["tolerance"], rule["max_s"])
        return {"slot": slot, "steady": steady, "times_ns": times}


def _turn(slot: str, opened: Any, length: Json, cpu_known: bool) -> Json:
    wall, cpu = take_turn(opened.invoke, length["samples"], length["batch"])
    first = length["dropped"]
    return {
        "slot": slot,
        "dropped_ns": wall[:first],
        "samples_ns": wall[first:],
        "cpu_ns": cpu[first:] if cpu_known and opened.on_the_cpu else None,
        "summary": None,
    }
