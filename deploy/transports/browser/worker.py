"""The worker that a browser is, for the scheduler of blocks on this machine.

It answers the jobs of `runner.scheduler.Scheduler`, as the Python runner's child does elsewhere.
For each job the page starts a fresh worker of its own, and is asked one thing after the other:
blocks too, so that a page that is reloaded or hidden loses the block it was at and no more. Then
the job goes on with a fresh worker, when the page is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edgebench.deploy.documents.result import Context, MeasuredBlock
from edgebench.deploy.runner.files import checked, stored_inputs
from edgebench.deploy.runner.messages import Json, RunnerError, first_line
from edgebench.deploy.runner.outputs import KeptOutputs, check_finite
from edgebench.deploy.runner.scheduler import failed_block
from edgebench.deploy.transports.browser import about
from edgebench.deploy.transports.browser.session import (
    LARGEST_ANSWER,
    BrowserSession,
    Died,
    Interrupted,
    Refused,
)
from edgebench.deploy.transports.browser.tensors import Tensors, content_name
from edgebench.documents import convert

SHOW_EVERY = 25
"""After so many inputs of an evaluation the page shows how far it is."""


@contextmanager
def _understood() -> Iterator[None]:
    """Raises `RunnerError` for an answer that is not what was asked for: anyone may be there."""
    try:
        yield
    except (LookupError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise RunnerError(f"the page answered what makes no sense: {first_line(error)}") from error


class BrowserWorker:
    """Carries out the jobs of one plan. `here` is the folder `files` of the run.

    `heard` is told what is waited for; it may raise `KeyboardInterrupt`.
    """

    def __init__(
        self, session: BrowserSession, plan: Json, here: Path, heard: Callable[[str], None]
    ) -> None:
        self.session = session
        self.plan = plan
        self.here = here
        self.heard = heard
        self._step_ms = 0.0
        self._tensors: dict[str, Tensors] = {}
        self._feeds: dict[str, Json] = {}

    def __call__(self, job: Json) -> Iterator[Json]:
        """Answer a job."""
        if job["kind"] == "measure":
            yield from self._measure(list(job["blocks"]))
            return
        jobs: dict[str, Callable[[Json], Json]] = {
            "context": self._context,
            "readings": lambda job: {"readings": None},
            "evaluate": self._evaluate,
            "profile": lambda job: {"profile": None},
        }
        while True:
            self.session.wait(self.heard)
            try:
                yield {"error": None, **jobs[job["kind"]](job)}
            except Interrupted:
                continue
            except (RunnerError, Refused) as error:
                yield {"error": str(error)}
            except Died as reason:
                yield {"died": f"the page failed: {reason}"}
            finally:
                self.session.end_job()
            return

    def _start(self) -> Json:
        """Start the page's worker. Raises what `BrowserSession.ask` does, and `RunnerError`."""
        page = self.session.page.get("about") or {}
        refused = about.refusal(page, self.plan)
        if refused:
            raise RunnerError(refused)
        threads: int = self.plan["threads"]
        together = max(len(group["slots"]) for group in self.plan["groups"])
        how = {
            "build": about.build(page, self.plan),
            "threads": threads,
            "pool": together * threads,
            "accelerator": "webgpu" if self.plan["delegate"] == "gpu" else "wasm",
        }
        token = self.session.token
        started: Json = self.session.ask({"do": "start", "how": how, "token": token})
        return started

    def _context(self, job: Json) -> Json:
        with _understood():
            step_ms = float(self._start()["step_ms"])
            found = about.context(self.session.page["about"], self.plan, step_ms / 1e3)
            convert(found, Context)
        return found

    def _evaluate(self, job: Json) -> Json:
        slot = job["slot"]
        planned = self.plan["artifacts"][slot]
        checked(str(self.here), planned["file"], planned["sha256"])
        tensors = self._of(slot)
        evaluation = planned["evaluation"]
        places = (
            range(tensors.output_count)
            if evaluation is None
            else dict.fromkeys(int(one["index"]) for one in evaluation["outputs"])
        )
        returned = tensors.output_bytes(tuple(places))
        if returned > LARGEST_ANSWER:
            raise RunnerError(
                f"the outputs of one input have {returned >> 20} MiB, and a page returns at most "
                f"{LARGEST_ANSWER >> 20} MiB"
            )
        self._start()
        times: Json = self.session.ask(
            {"do": "evaluate", **self._feed(slot), "keep": tensors.outputs(tuple(places))}
        )

        def run(given: Any) -> dict[int, Any]:
            return tensors.values(self.session.ask(tensors.content(given)), tuple(places))

        with _understood():
            load_s, first_s = float(times["load_s"]), float(times["first_inference_s"])
        return {
            "load_s": load_s,
            "first_inference_s": first_s,
            "peak_memory_bytes": None,
            "outputs": self._outputs(slot, job["folder"], run),
            "images": self.plan.get("images"),
            "partitions": None,
            # The page refuses a model of which the GPU leaves anything.
            "leftover_ops": [] if self.plan["delegate"] == "gpu" else None,
            "layer_types": None,
        }

    def _outputs(self, slot: str, folder: str, run: Callable[[Any], dict[int, Any]]) -> Json | None:
        """Run the evaluation inputs and keep the outputs as the Python runner does."""
        evaluation = self.plan["artifacts"][slot]["evaluation"]
        if evaluation is None:
            for place, values in run({}).items():
                check_finite(np, self._of(slot).name(place), values)
            return None
        stored = stored_inputs(np, str(self.here), evaluation, self.plan.get("images"))
        with KeptOutputs(np, evaluation["outputs"], folder, slot, stored.count) as kept:
            for number, inputs in enumerate(stored):
                values = run(inputs)
                kept.add(lambda one, values=values: values[int(one["index"])])  # type: ignore[misc]
                if number % SHOW_EVERY == 0:
                    self.session.show(detail=f"{slot}: input {number + 1} of {stored.count}")
        names: Json = kept.names
        return names

    def _measure(self, remaining: list[Json]) -> Iterator[Json]:
        while remaining:
            self.session.wait(self.heard)
            try:
                with _understood():
                    step_ms = float(self._start()["step_ms"])
                # The first step that was seen is what later ones are compared with.
                self._step_ms = self._step_ms or step_ms
                while remaining:
                    measured = self._block(remaining[0])
                    remaining.pop(0)
                    yield measured
            except Interrupted:
                continue
            except Died as reason:
                yield {"died": f"the page failed: {reason}"}
                return
            except (RunnerError, Refused) as error:
                yield {"died": str(error)}
                return
            finally:
                self.session.end_job()

    def _block(self, block: Json) -> Json:
        """One block. A block that fails is one with an error, and the next is tried."""
        length = next(one["turn"] for one in self.plan["groups"] if one["name"] == block["group"])
        request = {
            "do": "block",
            "order": block["order"],
            "slots": {slot: self._feed(slot) for slot in dict.fromkeys(block["order"])},
            "length": length,
            "warmup": self.plan["warmup"],
            "step_ms": self._step_ms,
        }
        page = self.session.page.get("about") or {}
        try:
            found: Json = self.session.ask(request)
        except Refused as error:
            return failed_block(block, str(error))
        kept = {name: block[name] for name in ("index", "process", "group")}
        with _understood():
            measured = {
                **kept,
                "error": None,
                "before": about.readings(found["before"], page),
                "after": about.readings(found["after"], page),
                "warmups": found["warmups"],
                "turns": found["turns"],
            }
            convert(measured, MeasuredBlock)
        return measured

    def _of(self, slot: str) -> Tensors:
        file = self.plan["artifacts"][slot]["file"]
        if file not in self._tensors:
            self._tensors[file] = Tensors(self.here / file)
        return self._tensors[file]

    def _feed(self, slot: str) -> Json:
        """A slot's file and first inputs, as the page loads them: by hash."""
        if slot in self._feeds:
            return self._feeds[slot]
        planned, tensors = self.plan["artifacts"][slot], self._of(slot)
        evaluation = planned["evaluation"]
        stored = stored_inputs(np, str(self.here), evaluation, 1) if evaluation else ()
        content = tensors.content(next(iter(stored), {}))
        name = content_name(content)
        self.session.files[name] = content
        self.session.files[planned["sha256"]] = self.here / planned["file"]
        self._feeds[slot] = {
            "model": planned["sha256"],
            "feed": {"file": name, "inputs": tensors.inputs},
        }
        return self._feeds[slot]
