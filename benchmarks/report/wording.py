"""The words: a sentence for everything that a run has to report, and what to do about it.

All other modules use ids and values (`edgebench.benchmarks.diagnostic`). A new check needs a
row in `WORDS` and nothing else here.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.formatting import count, listed, signed, unsigned, whole
from edgebench.benchmarks.planning.sizing import Forecast
from edgebench.benchmarks.results.regression import Unjudged

COOL = "let the device cool down, improve its cooling, or measure for a shorter time with --budget"
CALM = "close other programs and measure again, or pin to a quiet core with --cores"
LONGER = "measure for longer with --budget"
STEADY = "measure again when the machine is quiet, or for longer with --budget"
RESUME = "continue with --resume"
DELEGATE = "check which operations the delegate supports, or measure with --delegate none"
NOISE = "measure it with: edgebench noise --device {device}"
REPORT = "what the run could detect is in the report"


class Words(NamedTuple):
    """A sentence without its full stop, and what to do; both are templates of the values."""

    sentence: str
    remedy: str = ""


WORDS: dict[str, Words] = {
    # The model (gate/run_checks.py).
    "not_reached": Words("the run was interrupted before {model} was measured", RESUME),
    "does_not_run": Words("{model} does not run: {error}", "export it again, or leave it out"),
    "baseline_does_not_run": Words("the baseline does not run: {error}", "export it again"),
    "too_few_processes": Words(
        "only {processes:count process} measured it, and a verdict needs {needed_processes}",
        f"{RESUME}, or {LONGER}",
    ),
    "depends_on_speed": Words(
        "what slowed the machine down hit one model more: the overhead is {overhead:signed}, but "
        "{undisturbed_overhead:signed} in the moments when the machine was fastest",
        CALM,
    ),
    "not_settled": Words(
        "the overhead is another one, by {change:signed}, right after another model's turn than "
        "after a model's own: the clock or the caches answer to each model",
        "set a fixed clock, such as with the performance governor",
    ),
    "delegate_lost": Words("{model} ran without the {delegate} delegate", DELEGATE),
    "baseline_delegate_lost": Words("the baseline ran without the {delegate} delegate", DELEGATE),
    "placement_unknown": Words(
        "the runtime does not say whether {model} ran on the {delegate}, and it may have been the "
        "CPU",
        "use a runner that reports it, see docs/phones.md, or measure with --delegate none",
    ),
    "processes_disagree": Words(
        "the processes disagree: the overhead is {low_overhead:signed} in some and "
        "{high_overhead:signed} in others",
        LONGER,
    ),
    "coarse_clock": Words(
        "the clock has steps of {clock_ms:.3g} ms, which is too coarse for samples of "
        "{sample_ms:.3g} ms and an interval as narrow as this",
        "measure at a secure address, where a browser's clock is finer: edgebench serve --help",
    ),
    "hidden_by_the_call": Words(
        "the call itself takes {share:whole} of the baseline's latency, so a small overhead in "
        "latency says little of the model: of the rest {model} may add {net_high:atmost}, and two "
        "empty graphs differ by up to {reach_us:.2g} \N{MICRO SIGN}s, where {needed_us:.2g} matter",
        f"measure larger models, or {LONGER.removeprefix('measure ')}",
    ),
    "call_not_known": Words(
        "inferences take {latency_ms:.2g} ms, and how much of that is the call itself is not known",
        "measure it too with --floor",
    ),
    "partitioned": Words(
        "the {delegate} delegate runs {model} in {partitions:count partition} "
        "(not delegated: {leftover_ops:listed})",
        "check which operations the delegate supports",
    ),
    "partly_quantised": Words(
        "{float_layers} of {layers} layers of {model} run in float",
        "a pass may have chosen it: see passes in the manifest",
    ),
    "other_caches": Words(
        "{overhead:signed} is the overhead of a model that runs again and again; right after "
        "another model ran it is {after_another:signed}, because the caches are cold",
        "weigh the two by how the model is used",
    ),
    "waited": Words(
        "other programs held the core for {share:whole} of the inferences' time; the overhead "
        "leaves that out and compares the time that the models themselves ran",
        CALM,
    ),
    "unsteady": Words(
        "{model} did not warm up to a steady time in {share:whole} of the processes", LONGER
    ),
    "summaries_disagree": Words(
        "the median overhead is {median_overhead:signed}, but {against:listed} show the opposite",
        "look at every block in the HTML report: --html",
    ),
    # The machine (gate/machine_checks.py).
    "throttled": Words("the processor was throttled for {share:whole} of the time", COOL),
    "thermal_status": Words("the device was hot: its thermal status reached {status} of 6", COOL),
    "saves_power": Words(
        "the device is in a mode that saves power", "turn that off, or charge it, and measure again"
    ),
    "slowed_down": Words(
        "the device slowed down and stayed slow: a fixed computation takes {longer_share:whole} "
        "longer at the end, and what this device reports does not say why",
        COOL,
    ),
    "frequency_changed": Words(
        "the core's frequency changed: it is usually {usual_khz:ghz} GHz, but went down to "
        "{lowest_khz:ghz} GHz and was low in {share:whole} of the blocks",
        f"set the performance governor, or {COOL}",
    ),
    "governor_changed": Words(
        "the frequency governor changed during the run ({governors:listed})",
        "keep one governor, such as performance, and measure again",
    ),
    "charger_changed": Words(
        "the charger was connected or disconnected during the run",
        "leave the charger as it is, and measure again",
    ),
    "wrong_core": Words(
        "the process ran on core {cores:listed}, to which it was not pinned",
        "find out what moves the process, and measure again",
    ),
    "unequal_cores": Words(
        "the process moved between cores of different speed: core {slow_core} takes "
        "{longer_share:whole} longer than core {fast_core}",
        "pin to cores of one kind with --cores",
    ),
    "no_core_of_its_own": Words(
        "other programs were so busy that the runner had a core for only {share:whole} of the time",
        CALM,
    ),
    "stolen_time": Words(
        "the hypervisor gave {share:whole} of the CPU time to other machines",
        "measure on a dedicated machine, or when its host is quiet",
    ),
    "long_run_queue": Words(
        "more processes wanted to run than there are cores ({cores}), for {share:whole} of the "
        "time",
        CALM,
    ),
    "probe_time_changed": Words(
        "the machine changed its speed: a fixed computation took {low_share:whole} to "
        "{high_share:whole} of its usual time, and was unusual in {share:whole} of the readings",
        STEADY,
    ),
    "speed_changed": Words(
        "the machine changed its speed: {share:whole} of the turns of every model took an unusual "
        "time, {low_share:whole} to {high_share:whole} of the usual one",
        STEADY,
    ),
    "drift": Words(
        "the machine's times changed by {change_share:signed} during the run; the overhead allows "
        "for that",
        STEADY,
    ),
    "busy_neighbours": Words("other processes used {share:whole} of the CPU during the run", CALM),
    "low_battery": Words(
        "the battery was at {battery_percent:.0f} %, where many devices save power",
        "charge it first",
    ),
    "hot": Words(
        "a sensor reached {temperature_c:.0f} °C, close to where processors throttle", COOL
    ),
    # The run as a whole (results/warnings.py, gate/noise_floor.py).
    "other_cores": Words(
        "{device} has {known_cores} cores, but this ran on {cores} ({processor:listed}): if that "
        "was another device, the figures are not those of {device}"
    ),
    "failed_blocks": Words("{failed} of {blocks:count block} failed: {error}", RESUME),
    "summaries_only": Words(
        "{runtimes:listed} reports no single times: every sample is the {kind} of some inferences, "
        "in a process of its own, so models take turns of seconds and not of milliseconds"
    ),
    "missing_outputs": Words(
        "no outputs of {slots:listed} came back, so accuracy and drift on the device are not known"
    ),
    "unreadable_outputs": Words("the outputs of {slot} say nothing of its accuracy: {reason}"),
    "noise_floor_unknown": Words("the noise floor of {device} is not known", NOISE),
    "noise_floor_old": Words("the noise floor of {device} is {age_days} days old", NOISE),
    "noise_floor_of_another_setting": Words(
        "the noise floor of {device} was measured with {name} {floor:listed}, not {run:listed}",
        NOISE,
    ),
    # A run under load (results/sustained.py, results/energy.py).
    "too_short_a_load": Words(
        "the longest load without a pause has {blocks:count block} of {model} at either end, and "
        "an interval needs {needed}",
        "start again, with a longer --sustain",
    ),
    "energy_not_told": Words(
        "this device tells neither what its battery gives nor what its processor takes"
    ),
    "energy_on_charger": Words(
        "the device was on its charger, or does not say that it was not, so its battery does not "
        "tell what it uses",
        "unplug it; a phone is reached by adb over Wi-Fi",
    ),
    "energy_too_coarse": Words(
        "the battery's count changed in only {changed} of {stretches:count stretch} of load, which "
        "is too coarse",
        "give a longer --sustain, or measure fewer models",
    ),
    "energy_of_too_short_a_load": Words(
        "there are {stretches:count stretch} of each model's load that tell it, and an interval "
        "needs {needed}",
        "start again, with a longer --sustain",
    ),
    # Plans that are made without a pilot (runs/offline_plan.py).
    "guessed_from_given_pace": Words(
        "this is a guess from the given pace, because no pilot ran on {device}", REPORT
    ),
    "guessed_from_typical_pace": Words(
        "this is a guess from a typical pace of {madds_a_ms:millions} M multiply-adds a ms, "
        "because no pilot ran on {device}",
        REPORT,
    ),
}

UNJUDGED: dict[str, str] = {
    "missing": "it is not in the {run} run",
    "not_measured": "it was not measured in the {run} run",
    "does_not_run": "it does not run in the {run} run: {error}",
}
"""Why an artifact is not judged in a comparison of two runs (results/regression.py)."""

FIGURES: dict[str, Callable[[Any], str]] = {
    "signed": signed,
    "unsigned": unsigned,
    "whole": whole,
    "listed": listed,
    "atmost": lambda share: "any amount" if share is None else f"up to {signed(share)}",
    "ghz": lambda khz: f"{khz / 1e6:.2f}",
    "millions": lambda number: f"{number / 1e6:g}",
}
"""How a template names the way in which a value is shown, beside Python's own (`.0f`)."""


class _Template(string.Formatter):
    def format_field(self, value: Any, spec: str) -> str:
        kind, _, noun = spec.partition(" ")
        if kind == "count":
            return count(value, noun)
        return FIGURES[spec](value) if spec in FIGURES else str(super().format_field(value, spec))


def sentence(found: Diagnostic) -> str:
    """What was found, without a full stop."""
    return _Template().vformat(WORDS[found.id].sentence, (), found.values)


def remedy(found: Diagnostic) -> str:
    """What to do about it; '' where there is nothing to do."""
    return _Template().vformat(WORDS[found.id].remedy, (), found.values)


def with_remedy(found: Diagnostic) -> str:
    """What was found, and what to do about it if anything."""
    return "; ".join(filter(None, (sentence(found), remedy(found))))


def alike(found: Diagnostic) -> Hashable:
    """The same for diagnostics that differ in their figures alone."""
    names = (one for one in found.values.items() if not isinstance(one[1], int | float))
    return found.id, tuple(sorted(names, key=lambda one: one[0]))


def unjudged(one: Unjudged) -> str:
    """Why an artifact is not judged in a comparison of two runs."""
    if one.reason.id in UNJUDGED:
        return UNJUDGED[one.reason.id].format(run=one.run, **one.reason.values)
    return f"the {one.run} run has no verdict on it: {sentence(one.reason)}"


def forecast(found: Forecast) -> list[str]:
    """What a plan takes and can detect, and what may withhold its verdict."""
    return [_size(found), *(_beforehand(found, one) for one in found.warnings)]


def _size(found: Forecast) -> str:
    """Up to 24 processes, at most 88 s: overheads of 1.8 % or more will be detected."""
    if not found.blocks:
        return "nothing can be compared: none of the models runs, or none of their baselines"
    will = "may" if found.guess else "will"
    processes, about = count(found.size.processes, "process"), "about"
    if found.size.stops_early:
        processes, about = f"up to {processes}", "at most"
    text = (
        f"{processes}, {about} {found.seconds:.0f} s: overheads of "
        f"{unsigned(found.detectable)} or more {will} be detected"
    )
    if found.cooling_s:
        text += f" (plus {found.cooling_s:.0f} s at most to cool down)"
    if found.asked is not None and found.detectable > found.asked:
        text += f", but not the {unsigned(found.asked)} asked for: that takes longer"
    return text


def _beforehand(found: Forecast, one: Diagnostic) -> str:
    return with_remedy(one) if found.guess else f"there may be no verdict: {with_remedy(one)}"
