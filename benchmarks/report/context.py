"""Where, with what and how a run was measured, as names and values."""

from __future__ import annotations

from edgebench.benchmarks.results.comparison import Comparison
from edgebench.deploy.documents.result import Runtime


def facts(comparison: Comparison) -> list[tuple[str, str]]:
    """What a reader needs to judge the figures, or to measure them again."""
    context, cooled = comparison.context, comparison.cooled_s
    cores = "all" if comparison.cores is None else ", ".join(map(str, comparison.cores))
    return [
        ("run", comparison.run),
        ("started", comparison.started),
        ("device", f"{comparison.device} ({comparison.description})"),
        ("processor", f"{context.cpu_model or 'unknown'}, {context.core_count} cores"),
        ("system", f"{context.system} {context.kernel}, {context.machine}"),
        *(
            (f"{form} runtime", f"{runtime.name} {runtime.version}" + _within(runtime))
            for form, runtime in context.runtimes.items()
        ),
        *([("Python", f"{context.python} with NumPy {context.numpy}")] if context.python else []),
        ("threads", str(comparison.threads)),
        ("cores allowed", cores),
        ("delegate", comparison.delegate),
        *([] if cooled is None else [("cool-down", f"{cooled:.0f} s in total, between processes")]),
        *(_timing(comparison) if comparison.measures in ("time", "sustained") else ()),
    ]


def _within(runtime: Runtime) -> str:
    return f" in {runtime.within}" if runtime.within else ""


def stopped(comparison: Comparison) -> str:
    """Why a run has fewer blocks than it might have had, if that was no interruption."""
    return " (stopped early: all verdicts were clear)" if comparison.stopped_early else ""


def _timing(comparison: Comparison) -> list[tuple[str, str]]:
    return [
        (
            "blocks",
            f"{comparison.blocks_done} of {comparison.blocks_planned}, in up to "
            f"{comparison.processes} fresh processes{stopped(comparison)}",
        ),
        ("threshold", f"{comparison.threshold * 100:.3g} %"),
    ]
