"""What a search decides, without training or measuring: candidates, rounds and the front."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.benchmarks.report import search_html, search_words
from edgebench.benchmarks.search.candidates import (
    NONE,
    Candidate,
    affordable,
    predicted,
    proposals,
)
from edgebench.benchmarks.search.document import (
    Attempt,
    MeasuredCandidate,
    SearchDocument,
    SearchRequest,
    StagePrice,
)
from edgebench.benchmarks.search.halving import ROUNDS, standing, survivors
from edgebench.benchmarks.search.outcome import outcome, pareto
from edgebench.estimate import Estimate

REQUEST = SearchRequest(
    "resnet18", "local", "tflite:int8", 0.1, ("se", "ca"), "ca", "scenes", "resnet18", 4, 8, 2, 1, 9
)


def _price(kind: str, stage: int, value: float) -> StagePrice:
    return StagePrice(kind, stage, Estimate(value, value - 0.01, value + 0.01))


PRICES = (
    _price("se", 2, 0.03),
    _price("se", 3, 0.04),
    _price("se", 4, 0.05),
    _price("ca", 2, 0.2),
    _price("ca", 3, 0.09),
    _price("ca", 4, -0.001),
)

points = st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=30)
prices = st.lists(
    st.builds(
        _price, st.sampled_from(["se", "ca", "eca"]), st.integers(2, 5), st.floats(-0.02, 0.2)
    ),
    unique_by=lambda one: (one.kind, one.stage),
)


@given(points)
def test_no_point_of_the_front_is_beaten_and_every_other_is(
    found: list[tuple[float, float]],
) -> None:
    front = pareto(found)
    assert front

    def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
        return one[0] <= other[0] and one[1] >= other[1] and one != other

    for index, point in enumerate(found):
        beaten = any(beats(other, point) for other in found)
        assert beaten == (index not in front)
    best = max(value for _, value in found)
    assert any(found[index][1] == best for index in front)


@given(prices, st.floats(0.001, 0.5), st.integers(1, 12))
def test_proposals_stay_within_the_budget(
    known: list[StagePrice], budget: float, count: int
) -> None:
    chosen = proposals(known, budget, count)
    every = list(affordable(known, budget))
    assert len(chosen) == min(count, len(every)) == len(set(chosen))
    for one in chosen:
        cost = predicted(one, known)
        assert cost is not None and cost <= budget
    affordable_kinds = {one.kind for one in every}
    assert len({one.kind for one in chosen}) == min(count, len(affordable_kinds))


def test_the_fullest_choices_come_first_and_kinds_in_turn() -> None:
    labels = [one.label for one in proposals(PRICES, 0.1, 6)]
    assert labels == ["se_at23", "ca_at34", "se_at24", "ca_at4", "se_at34", "ca_at3"]


def test_a_stage_measured_below_nothing_costs_nothing() -> None:
    assert predicted(Candidate("ca", (4,)), PRICES) == 0
    assert predicted(Candidate("se", (2, 3)), PRICES) == pytest.approx(0.07)
    assert predicted(Candidate("se", (5,)), PRICES) is None


@given(st.lists(st.integers(0, 100), min_size=1, max_size=16))
def test_the_better_half_survives(scores: list[int]) -> None:
    chosen = [Candidate("se", (index,)) for index in range(len(scores))]
    attempts = [
        Attempt(one.label, 2, 0, score, 100) for one, score in zip(chosen, scores, strict=True)
    ]
    kept = survivors(chosen, attempts)
    assert len(kept) == (len(scores) + 1) // 2
    of = dict(zip(chosen, scores, strict=True))
    assert min(of[one] for one in kept) >= max((of[o] for o in chosen if o not in kept), default=0)


def _carried_out(document: SearchDocument, top: dict[str, int]) -> tuple[SearchDocument, list[str]]:
    """All trainings of a search, each reaching what `top` says, and what was trained in order."""
    order = []
    while left := standing(document).left:
        candidate, seed = left[0]
        length = standing(document).round.epochs
        order.append(f"{candidate.label} {length} {seed}")
        correct = top.get(candidate.label, 500) + seed
        attempt = Attempt(candidate.label, length, seed, correct, 1000)
        document = replace(document, attempts=(*document.attempts, attempt))
    return document, order


TOP = {"se_at23": 700, "ca_at34": 720, "se_at24": 650, "ca_at4": 710, "ca": 711, NONE: 600}


def test_a_search_trains_half_as_many_for_twice_as_long() -> None:
    document, order = _carried_out(SearchDocument(REQUEST, prices=PRICES), TOP)
    assert order[:4] == ["se_at23 2 0", "ca_at34 2 0", "se_at24 2 0", "ca_at4 2 0"]
    assert order[4:6] == ["ca_at34 4 0", "ca_at4 4 0"]
    assert order[6:] == [f"{one} 8 {seed}" for seed in (0, 1) for one in (NONE, "ca", "ca_at34")]
    assert standing(document).ended and standing(document).round.number == ROUNDS


def test_a_search_goes_on_where_it_was_interrupted() -> None:
    whole, order = _carried_out(SearchDocument(REQUEST, prices=PRICES), TOP)
    for done in range(len(order)):
        begun = replace(whole, attempts=whole.attempts[:done])
        assert _carried_out(begun, TOP) == (whole, order[done:])


def _ended() -> SearchDocument:
    document, _ = _carried_out(SearchDocument(REQUEST, "a board", PRICES), TOP)
    return replace(
        document,
        measured=(
            MeasuredCandidate(NONE, "resnet18", 1e-3, None),
            MeasuredCandidate("ca", "resnet18_ca", 1.4e-3, Estimate(0.4, 0.38, 0.42)),
            MeasuredCandidate(
                "ca_at34", "resnet18_ca_at34", 1.08e-3, Estimate(0.08, 0.07, 0.09), False
            ),
        ),
    )


def test_the_choice_is_the_most_accurate_within_the_budget() -> None:
    found = outcome(_ended())
    assert [one.candidate.label for one in found.finalists] == [NONE, "ca_at34", "ca"]
    assert found.choice.candidate.label == "ca_at34"
    assert found.choice.predicted == pytest.approx(0.09)
    assert found.share_of_paper == pytest.approx(0.2)
    assert [one.on_front for one in found.finalists] == [True, True, False]


def test_the_gain_of_the_choice_is_paired_by_seed() -> None:
    document = _ended()
    moved = tuple(
        replace(one, correct=one.correct + 20 * one.seed)
        if (one.candidate, one.epochs) == ("ca_at34", 8)
        else one
        for one in document.attempts
    )
    gain = outcome(replace(document, attempts=moved)).gains[NONE]
    # Gains of 0.12 and 0.14: t(0.975, 1) = 12.7062, standard error 0.01.
    assert [gain.value, gain.high] == pytest.approx([0.13, 0.13 + 0.127062], abs=1e-6)
    alone = tuple(one for one in document.attempts if one.seed == 0)
    request = replace(document.request, seeds=1)
    single = replace(document, request=request, attempts=alone)
    assert outcome(single).gains == {}
    assert "One seed tells no gain" in " ".join(search_words.sentences(single, outcome(single)))


def test_without_room_for_attention_the_backbone_is_chosen() -> None:
    document = _ended()
    assert document.measured is not None
    dear = tuple(
        one if one.overhead is None else replace(one, overhead=Estimate(0.3, 0.2, 0.4))
        for one in document.measured
    )
    dearer = replace(document, measured=dear)
    found = outcome(dearer)
    assert found.choice.candidate.kind == NONE
    said = " ".join(search_words.sentences(dearer, found))
    assert "No attention within the budget was more accurate than none; ca at its" in said


def test_reports_say_what_was_measured_and_what_was_not() -> None:
    document = _ended()
    found = outcome(document)
    said = " ".join(search_words.sentences(document, found))
    assert "20% of it. Top-1 of the choice" in said
    assert "+12.0 points [12.0, 12.0] over no attention, +0.9 points" in said
    assert "Measured on local (a board)" in said and "Extrapolated" in said
    assert "failed for ca_at34" in said
    html = search_html.render(document, found)
    assert "<svg" in html and "resnet18_ca_at34" in html and "<script" not in html
