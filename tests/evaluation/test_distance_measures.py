"""Neighbours, ABX and silhouettes: all that is made of distances between samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_samples

import oracles_measures
from phonoscope.evaluation.abx import MODES, abx_outcomes
from phonoscope.evaluation.knn import knn_outcomes
from phonoscope.evaluation.ranking import Distances
from phonoscope.evaluation.silhouettes import silhouette_outcomes

if TYPE_CHECKING:
    from phonoscope.evaluation.abx import Mode
    from phonoscope.evaluation.ranking import Metric

# whole numbers from a small range: samples that coincide, lie in one direction, at equal distances or at 0 are common
ROWS = st.lists(
    st.tuples(st.tuples(*[st.integers(-2, 2)] * 3), st.sampled_from("aei"), st.sampled_from("xyz")),
    min_size=1,
    max_size=14,
)
METRICS = st.sampled_from(["cosine", "euclidean"])
Row = tuple[tuple[int, int, int], str, str]


def unpacked(rows: list[Row]) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], list[str], list[str]]:
    return np.array([r[0] for r in rows], np.float32), [r[1] for r in rows], [r[2] for r in rows]


@given(ROWS, METRICS, st.sampled_from(MODES))
@settings(max_examples=60, deadline=None)
def test_abx_equals_going_through_every_triple(rows: list[Row], metric: Metric, mode: Mode) -> None:
    X, phones, speakers = unpacked(rows)
    expected = [oracles_measures.abx_error(X, phones, speakers, mode, metric, x) for x in range(len(X))]
    found = abx_outcomes(X, phones, speakers, mode, metric)
    assert found == pytest.approx([np.nan if e is None else e for e in expected], nan_ok=True)


@given(ROWS, METRICS, st.integers(1, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_neighbours_vote_as_they_do_one_by_one(rows: list[Row], metric: Metric, k: int, several: bool) -> None:  # noqa: FBT001
    X, phones, speakers = unpacked(rows)
    groups = speakers if several else ["x"] * len(rows)
    found = knn_outcomes(X, phones, groups, k, metric)
    for x, outcome in enumerate(found):
        answer, possible = oracles_measures.knn_answer(X, phones, groups, k, metric, x)
        assert outcome == pytest.approx(float(answer == phones[x]) if phones[x] in possible else np.nan, nan_ok=True)


def test_abx_by_hand() -> None:
    X = np.array([[0.0], [1.0], [3.0], [10.0]])
    # the first a has the other a at 1 and the e at 3 and 10: never wrong; the e at 3 has an e at 7, the a at 3 and 2
    assert abx_outcomes(X, list("aaee"), list("xxxx"), "any", "euclidean").tolist() == [0.0, 0.0, 1.0, 0.0]
    assert np.isnan(abx_outcomes(X, list("aaee"), list("xxxx"), "across")).all()


def test_samples_of_a_speaker_do_not_answer_for_each_other() -> None:
    # what a speaker says is all alike: with the speaker's own neighbours everything would come out right
    draws = np.random.default_rng(0)
    speakers, phones = np.repeat(np.arange(40), 12), np.repeat(draws.integers(0, 4, 40), 12)
    X = draws.standard_normal((40, 6))[speakers] + 0.01 * draws.standard_normal((480, 6))
    assert np.nanmean(knn_outcomes(X, phones, np.zeros(480))) == 1.0
    assert np.nanmean(knn_outcomes(X, phones, speakers)) < 0.5


def test_silhouettes_equal_scikit_learn_s() -> None:
    draws = np.random.default_rng(3)
    X = draws.standard_normal((300, 7)).astype(np.float32) + 5
    phones = draws.integers(0, 6, 300)
    phones[0] = 6  # alone
    X[10:13] = X[10]  # at no distance
    expected = silhouette_samples(X.astype(np.float64), phones)
    assert silhouette_outcomes(X, phones) == pytest.approx(expected, abs=1e-9)
    assert np.isnan(silhouette_outcomes(X, ["a"] * 300)).all()


def test_distances_far_from_the_origin_equal_direct_ones() -> None:
    X = np.random.default_rng(4).standard_normal((300, 20)) + 50
    distances = Distances(X)
    rows = slice(256, 300)
    direct = np.sqrt(((X[rows, None] - X) ** 2).sum(axis=2))
    assert distances.euclidean(rows) == pytest.approx(direct, abs=1e-7)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    assert distances.cosine(rows) == pytest.approx(((unit[rows, None] - unit) ** 2).sum(axis=2) / 2, abs=1e-12)
