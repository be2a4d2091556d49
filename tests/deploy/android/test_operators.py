"""How many operators run where, from LiteRT's own lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.benchmark_model.output import ReplacedNodes, operators, parse

LINE = (
    "INFO: Replacing {taken} out of {nodes} node(s) with delegate ({delegate}) node, "
    "yielding {partitions} partitions for subgraph 0.\n"
)


def test_a_delegate_that_takes_all_leaves_nothing_to_the_cpu() -> None:
    text = LINE.format(taken=69, nodes=69, delegate="DispatchDelegate", partitions=1)
    assert operators(parse(text).replaced) == {"DispatchDelegate": 69, "cpu": 0}


def test_what_one_delegate_leaves_another_may_take() -> None:
    first = LINE.format(taken=260, nodes=273, delegate="DispatchDelegate", partitions=4)
    # 13 operators are left, beside the 4 nodes that the first delegate made.
    second = LINE.format(taken=10, nodes=17, delegate="TfLiteXNNPackDelegate", partitions=2)
    found = operators(parse(first + second).replaced)
    assert found == {"DispatchDelegate": 260, "TfLiteXNNPackDelegate": 10, "cpu": 3}


def test_a_delegate_that_takes_none_leaves_all() -> None:
    text = LINE.format(taken=0, nodes=69, delegate="DispatchDelegate", partitions=0)
    assert operators(parse(text).replaced) == {"DispatchDelegate": 0, "cpu": 69}
    assert operators(parse("nothing of that kind").replaced) is None


lists = st.lists(
    st.builds(
        ReplacedNodes,
        st.sampled_from(["DispatchDelegate", "TfLiteXNNPackDelegate"]),
        *(st.integers(0, 500) for _ in range(3)),
    )
)


@given(lists)
def test_no_count_is_negative_whatever_the_lines_say(replaced: list[ReplacedNodes]) -> None:
    found = operators(replaced)
    assert (found is None) == (not replaced)
    assert all(count >= 0 for count in (found or {}).values())
