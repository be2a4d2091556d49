"""One model and target: every tool's file from the same graph and data, each judged alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.commands.bench_drift import peers
from edgebench.commands.bench_drift.entry import BenchEntry, Contest
from edgebench.content import Content, write_content
from edgebench.converters.backend import Instructions
from edgebench.converters.drift.chain import ChainLink, follow
from edgebench.converters.drift.document import DriftHop
from edgebench.converters.drift.subject import DriftSubject, open_subject
from edgebench.converters.export import request as requests
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.formats import pipeline_for
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.mapped import Mapped
from edgebench.converters.mending.budget import Budget
from edgebench.converters.mending.judge import Judge
from edgebench.converters.mending.search import mend
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.reference import Array
from edgebench.converters.targets import FORMATS, Target
from edgebench.documents import load, save
from edgebench.errors import InvalidFileError, as_known
from edgebench.models.data.parts import halves
from edgebench.progress import Progress

FLOAT, OURS, MENDED = "fp32", "edgebench", "edgebench-budget"
AI_EDGE, ORT, NNCF, CONTROL = "ai-edge-quantizer", "onnxruntime", "nncf", "nncf-accuracy-control"

Made = tuple[Content, str]
"""A file, and a word on how it was made."""


@dataclass(frozen=True)
class ContestRules:
    """What all tools get: a budget of accuracy, so many images, and a limit for the slowest.

    `ai_edge` is the Python of an environment with ai-edge-quantizer; with `alone` no peers run.
    """

    budget: Budget
    images: int
    limit_s: float
    ai_edge: Path | None
    alone: bool


class Bench:
    """One model and target."""

    def __init__(
        self, asked: ExportRequest, target: Target, rules: ContestRules, progress: Progress
    ) -> None:
        folder = asked.out / asked.name / str(target).replace(":", "-")
        self._request = replace(asked, targets=(target,), out=folder / "mending")
        self._target, self._rules, self._progress = target, rules, progress
        self._form = FORMATS[target.format]
        self.contest = Contest(folder, self._form.extension)
        # The budget and the images decide what is found, and the rest hashes into the request's.
        own = requests.fingerprint(self._request, target)
        self._fingerprint = f"{own} {rules.budget} {rules.images}"

    def entries(self) -> Iterator[BenchEntry]:
        """Every tool's, one after the other; what is known from before is not done again.

        Raises what opening the model and its data raises.
        """
        for tool, make in self._tools().items():
            path = self.contest.entry(tool)
            known = self._known(path, tool)
            if known is None:
                _ = self._subject  # What is wrong with it is no tool's failure.
                known = self._judged(tool, make)
                save(path, known)
            yield known

    def _known(self, path: Path, tool: str) -> BenchEntry | None:
        try:
            found = load(path, BenchEntry)
        except InvalidFileError:
            return None
        there = found.failure is not None or self.contest.file(tool).exists()
        return found if there and found.fingerprint == self._fingerprint else None

    def _tools(self) -> Mapping[str, Callable[[], Made]]:
        format_name, base = self._target.format, self._target.base
        tools: dict[str, Callable[[], Made]] = {FLOAT: self._float, OURS: self._ours}
        if base not in self._form.mixable:
            return tools
        tools[MENDED] = self._mended
        if self._rules.alone or base != "int8":
            return tools
        if format_name == "tflite" and self._rules.ai_edge is not None:
            tools[AI_EDGE] = self._ai_edge
        if format_name == "onnx":
            tools[ORT] = lambda: (
                peers.onnxruntime_defaults(self._subject.graph, self._calibration),
                "its defaults",
            )
        if format_name == "openvino":
            tools[NNCF] = lambda: (
                peers.nncf_defaults(self._subject.graph, self._calibration),
                "its defaults",
            )
            tools[CONTROL] = self._control
        return tools

    def _judged(self, tool: str, make: Callable[[], Made]) -> BenchEntry:
        self._progress(f"{self._request.name} {self._target}: {tool}", 0, 0)
        entry = BenchEntry(
            self._fingerprint, self._request.name, str(self._target), tool, made_s=0.0
        )
        started = time.perf_counter()
        try:
            content, note = make()
            entry = replace(entry, made_s=time.perf_counter() - started, note=note)
            self.contest.folder.mkdir(parents=True, exist_ok=True)
            write_content(self.contest.file(tool), content)
            return self._compared(entry, content)
        except Exception as error:  # A tool that fails does not take the others with it.
            took = time.perf_counter() - started
            said = as_known(error).message
            if tool not in (FLOAT, OURS, MENDED):
                said = said.replace("edgebench failed", f"{tool} failed")
            return replace(entry, made_s=took, failure=said)

    def _compared(self, entry: BenchEntry, content: Content) -> BenchEntry:
        """On the images that no tool decided by."""
        exact = self._hop(content, exact=self._form.kernels_vary)
        kernels = self._hop(content, exact=False) if self._form.kernels_vary else exact
        if exact.source is None or kernels.source is None:
            return replace(entry, failure=exact.failure or kernels.failure)
        figure = next((one for one in kernels.source.figures if one.difference), None)
        return replace(
            entry,
            images=exact.images,
            snr_db=exact.source.snr_db,
            kernels_db=kernels.source.snr_db,
            agreement=kernels.source.agreement,
            figure=figure.id if figure else None,
            value=figure.value if figure else None,
            difference=figure.difference if figure else None,
        )

    def _hop(self, content: Content, exact: bool) -> DriftHop:
        subject, backend = self._subject, self._form.load()
        places = self._confirming
        samples = Mapped(places, subject.samples.__getitem__)
        opened = backend.open_converted(subject.graph, content, exact)
        links = [
            ChainLink("source", "source", self._expected),
            ChainLink("file", "file", opened.run_all(samples)),
        ]
        read = replace(subject.read, places=places)
        return follow(links, read, len(places), self._progress).hops[1]

    @cached_property
    def _subject(self) -> DriftSubject:
        return open_subject(self._request, self._rules.images, self._progress)

    @property
    def _confirming(self) -> list[int]:
        """The half of the images that the search confirms on, and that no peer sees."""
        deciding, confirming = halves(len(self._subject.samples))
        return confirming or deciding

    @cached_property
    def _expected(self) -> list[Sequence[Array]]:
        samples = Mapped(self._confirming, self._subject.samples.__getitem__)
        return list(reference.stream(self._subject.graph.model, samples))

    @cached_property
    def _calibration(self) -> list[Any]:
        """All that calibrates: a peer sets none apart to choose by."""
        data = self._subject.data
        return [*data.calibration, *data.tuning]

    def _converted(self, target: Target) -> Batch:
        subject = self._subject
        instructions = Instructions(subject.preprocessing, subject.labels)
        pipeline = pipeline_for(self._request, target)
        batches, failed = convert(
            subject.graph,
            {target: pipeline},
            subject.data,
            instructions,
            self._request.ranges,
            subject.read.task,
            self._progress,
        )
        if failed:
            raise failed[target]
        return batches[0]

    @cached_property
    def _plain(self) -> Batch:
        return self._converted(self._target)

    def _float(self) -> Made:
        return self._plain.float32, ""

    def _ours(self) -> Made:
        ranges = self._plain.ranges.get(self._target)
        note = f"ranges: {ranges.method}" if ranges and self._target.needs_calibration else ""
        return self._plain.contents[self._target], note

    def _mended(self) -> Made:
        rules = self._rules
        found = mend(
            self._request,
            self._target,
            rules.budget,
            rules.images,
            self._progress,
            rules.limit_s,
        )
        end = "" if found.within else f", not within {rules.budget}"
        if not found.finished:
            end += f"; the search was not finished in {rules.limit_s:.0f} s"
        if found.target == self._target:
            word = "plain is within the budget" if found.within else "nothing better was found"
            return self._plain.contents[self._target], word + end
        made = self._converted(found.target).contents[found.target]
        return made, found.found.described + end

    def _ai_edge(self) -> Made:
        assert self._rules.ai_edge is not None
        opened = self._form.load().open_converted(self._subject.graph, self._plain.float32, False)
        feeds = [
            [np.transpose(sample[one.name], one.axes) for one in opened.inputs]
            for sample in self._calibration
        ]
        float32 = self._plain.float32
        assert isinstance(float32, bytes)
        made = peers.ai_edge_defaults(self._rules.ai_edge, float32, feeds)
        return made, "static_wi8_ai8"

    def _control(self) -> Made:
        """NNCF's figure is what the budget counts, on the images that decide for ours, too."""
        subject, budget = self._subject, self._rules.budget
        deciding = {n: subject.samples[n] for n in halves(len(subject.samples))[0]}
        judge = Judge(self._request, self._target, subject, self._progress)
        names = [port.name for port in subject.graph.inputs]

        def validate(compiled: Any, items: Iterable[int]) -> tuple[float, list[list[Array]]]:
            from edgebench.converters.openvino.session import input_names

            order = input_names(compiled, names)
            asked = compiled.create_infer_request()
            places: list[int] = []
            made: list[list[Array]] = []
            for place in items:
                places.append(place)
                feeds = [deciding[place][name] for name in order]
                made.append([np.array(one) for one in asked.infer(feeds).to_tuple()])
            return budget.figure(judge.loss_of(made, places)), made

        made = peers.nncf_accuracy_control(
            subject.graph,
            self._calibration,
            deciding,
            validate,
            budget.max_drop,
            self._rules.limit_s,
            self._progress,
        )
        return made, f"max_drop: {budget}"
