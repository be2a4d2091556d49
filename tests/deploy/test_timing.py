"""What the runner times, on clocks that are moved by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from edgebench.deploy.runner.timing import cpu_clock_is_fine, take_turn, warm_up


class Machine:
    """Clocks in ns that move only while a model runs, and what was done in which order."""

    def __init__(self, *inferences_ns: int, cpu_share: float = 1.0) -> None:
        self.done: list[str] = []
        self._times = iter(inferences_ns)
        self._cpu_share = cpu_share
        self._wall = self._cpu = 0

    def clock(self) -> int:
        self.done.append("clock")
        return self._wall

    def cpu_clock(self) -> int:
        self.done.append("cpu")
        return self._cpu

    def invoke(self) -> None:
        self.done.append("invoke")
        taken = next(self._times)
        self._wall += taken
        self._cpu += round(taken * self._cpu_share)


def seconds(*values: float) -> Iterator[int]:
    return (round(value * 1e9) for value in values)


def test_a_turn_gives_the_wall_and_the_cpu_time_of_each_sample() -> None:
    machine = Machine(5_000, 4_000, 4_200, cpu_share=0.5)
    wall, cpu = take_turn(machine.invoke, 3, 1, machine.clock, machine.cpu_clock)
    assert wall == [5_000, 4_000, 4_200]
    assert cpu == [2_500, 2_000, 2_100]


def test_a_sample_is_the_mean_of_its_batch_and_the_clock_is_read_right_around_it() -> None:
    machine = Machine(100, 200, 301, 400, 500, 600, cpu_share=2.0)
    wall, cpu = take_turn(machine.invoke, 2, 3, machine.clock, machine.cpu_clock)
    assert wall == [200, 500]  # 601 / 3, rounded.
    assert cpu == [401, 1_000]
    assert machine.done == 2 * ["cpu", "clock", "invoke", "invoke", "invoke", "clock", "cpu"]


@pytest.mark.parametrize(
    ("resolution_s", "fine"), [(1e-9, True), (1000 * 1e-9, True), (2e-6, False), (1 / 64, False)]
)
def test_a_coarse_cpu_clock_times_no_sample(
    resolution_s: float, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = SimpleNamespace(resolution=resolution_s)
    monkeypatch.setattr(time, "get_clock_info", {"process_time": told}.__getitem__)
    assert cpu_clock_is_fine() is fine


def test_warm_up_ends_when_two_windows_agree() -> None:
    machine = Machine(*seconds(9.0, 9.0, 9.0, 5.0, 5.0, 5.0, 4.9, 5.0, 5.1))
    times, steady = warm_up(machine.invoke, 3, 0.05, 100.0, machine.clock)
    assert steady
    assert len(times) == 9


def test_warm_up_gives_up_in_time_and_says_so() -> None:
    machine = Machine(*seconds(*(2.0**number for number in range(30))))
    times, steady = warm_up(machine.invoke, 3, 0.05, 50.0, machine.clock)
    assert not steady
    assert sum(times) >= 50e9
