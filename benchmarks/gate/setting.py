"""The setting of a measurement: what a noise floor depends on, apart from the device's name."""

from __future__ import annotations

from dataclasses import dataclass, fields

from edgebench.benchmarks.diagnostic import SettingDifference
from edgebench.deploy.documents.result import RunResult


@dataclass(frozen=True)
class Setting:
    """What ran, and how. `governors` are None where the device does not report them."""

    runtime: str
    processor: str | None
    threads: int
    delegate: str
    cores: tuple[int, ...] | None
    governors: tuple[str, ...] | None

    def differences(self, other: Setting) -> list[SettingDifference]:
        """What is not the same in another setting, which is the `after` of each difference."""
        return [
            SettingDifference(one.name, ours, theirs)
            for one in fields(self)
            if (ours := getattr(self, one.name)) != (theirs := getattr(other, one.name))
        ]


def setting_of(result: RunResult, form: str) -> Setting:
    """The setting that a result's artifacts of one format were measured in."""
    context = result.context
    runtime = context.runtimes.get(form)
    told = {name for one in result.blocks if one.before for name in one.before.governors or ()}
    return Setting(
        runtime=f"{runtime.name} {runtime.version}" if runtime else "unknown",
        processor=context.cpu_model,
        threads=context.threads,
        delegate=context.delegate,
        cores=context.cores,
        governors=tuple(sorted(told)) or None,
    )
