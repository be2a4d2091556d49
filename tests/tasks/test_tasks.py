"""The table of tasks, what all of them keep to, and the example of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgebench import tasks
from edgebench.errors import UnknownNameError, UsageError
from edgebench.tasks.table import TASKS
from edgebench.tasks.task import ModelOutput, Signature

DOC = (Path(__file__).parents[2] / "docs/tasks.md").read_text()


def test_a_task_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(UnknownNameError) as caught:
        tasks.get("segmentaton")
    assert "did you mean 'segmentation'?" in caught.value.remedy
    for name in ("classification", "detection", "segmentation", "none"):
        assert tasks.get(name).name == name
        assert name in caught.value.remedy


@pytest.mark.parametrize("name", TASKS)
def test_a_model_without_outputs_has_no_roles_to_assign(name: str) -> None:
    task = tasks.get(name)
    if task.figures:
        with pytest.raises(UsageError, match="none"):
            task.assign(Signature(()), {})
    assert 0 < task.criterion.least <= 1
    assert len({one.id for one in task.figures}) == len(task.figures)


def test_the_example_of_the_documentation_prints_a_figure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    exec(compile(example, "docs/tasks.md", "exec"), {})
    found = re.fullmatch(r"mIoU (\S+) \[(\S+), (\S+)\]\n", capsys.readouterr().out)
    assert found is not None
    value, low, high = map(float, found.groups())
    assert low < value < high and 0.15 < value < 0.25  # By chance it is a fifth.


def _documented() -> list[tuple[str, str, str]]:
    section = DOC.split("## Roles and layouts")[1].split("###")[0]
    return re.findall(r"^\| [^|]+ \| (\w+) \| (`[^|]+) \| ([^|]+) \|$", section, re.MULTILINE)


@pytest.mark.parametrize(("name", "outputs", "words"), _documented())
def test_every_layout_of_the_documentation_can_be_assigned(
    name: str, outputs: str, words: str
) -> None:
    task = tasks.get(name)
    shown = [("out " + text).split()[-2:] for text in re.findall(r"`([^`]+)`", outputs)]
    shapes = tuple(ModelOutput(out, tuple(map(int, shape.split("x")))) for out, shape in shown)
    given = dict(re.findall(r"(\w+)=([\w+:./]+)", words))
    assignment = task.assign(Signature(shapes, (640, 640), _labels(shapes)), given)
    held = {one.role: one.output for one in assignment.outputs}
    assert held.items() >= {(key, value) for key, value in given.items() if key in task.roles}


def _labels(shapes: tuple[ModelOutput, ...]) -> int | None:
    return 80 if any({84, 85} & set(one.shape) for one in shapes) else None


def test_the_documentation_has_layouts_of_every_task_with_a_metric() -> None:
    named = {name for name, _, _ in _documented()}
    assert named == {name for name, task in TASKS.items() if task.figures}
