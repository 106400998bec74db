from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    homogeneity_completeness_v_measure,
)

import oracles_measures
from phonoscope.evaluation.cluster_measures import cluster_measures
from phonoscope.evaluation.separability import contingency, separability

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = [
    "precision",
    "recall",
    "f_measure",
    "phone_purity",
    "cluster_purity",
    "pnmi",
    "homogeneity",
    "completeness",
    "v_measure",
    "ari",
    "ami",
    "accuracy",
]

# few of both: ties, one phone only, one cluster only and a label of its own for each sample are then common
SAMPLES = st.lists(st.tuples(st.sampled_from("aeiou"), st.integers(0, 5)), min_size=1, max_size=40)


def expected(phones: list[str], clusters: list[int]) -> dict[str, float]:
    paper = separability(phones, clusters)
    homogeneity, completeness, v_measure = homogeneity_completeness_v_measure(phones, clusters)
    _, _, counts = contingency(phones, clusters)
    return {
        "precision": paper.precision,
        "recall": paper.recall,
        "f_measure": paper.f_measure,
        "phone_purity": oracles_measures.phone_purity(phones, clusters),
        "cluster_purity": oracles_measures.cluster_purity(phones, clusters),
        "pnmi": oracles_measures.pnmi(phones, clusters),
        "homogeneity": homogeneity,
        "completeness": completeness,
        "v_measure": v_measure,
        "ari": adjusted_rand_score(phones, clusters),
        "ami": adjusted_mutual_info_score(phones, clusters),
        "accuracy": counts[linear_sum_assignment(-counts)].sum() / len(phones),
    }


@given(SAMPLES)
@settings(max_examples=40, deadline=None)
def test_equals_the_definitions_scikit_learn_and_scipy(samples: list[tuple[str, int]]) -> None:
    phones, clusters = [p for p, _ in samples], [c for _, c in samples]
    found = cluster_measures(contingency(phones, clusters)[2])
    assert list(found) == NAMES
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(NAMES, ())
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected(phones, clusters), abs=1e-9)
    assert found["phone_purity"] == pytest.approx(separability(phones, clusters).purity)


def test_equals_them_at_the_size_of_a_panel() -> None:
    draws = np.random.default_rng(0)
    truth = np.repeat(np.arange(33), 100)
    for right in (0.0, 0.5, 0.99):
        clusters = np.where(draws.random(3300) < right, truth, draws.integers(0, 40, 3300)).tolist()
        phones = [f"{p:02d}" for p in truth]
        found = cluster_measures(contingency(phones, clusters)[2])
        values = {name: float(value) for name, value in found.items()}
        assert values == pytest.approx(expected(phones, clusters), abs=1e-9)


def test_adjusted_mutual_information_of_few_large_classes() -> None:
    # the hypergeometric distribution is wide here, and its first term would underflow
    counts = np.array([[60_000, 30_000], [20_000, 60_000]])
    phones, clusters = np.array([0, 0, 1, 1]).repeat(counts.ravel()), np.array([0, 1, 0, 1]).repeat(counts.ravel())
    found = cluster_measures(counts)["ami"]
    assert float(found) == pytest.approx(adjusted_mutual_info_score(phones, clusters), abs=1e-9)


@pytest.mark.parametrize("n", [2, 7, 100])
def test_a_label_of_its_own_for_each_sample_is_perfect(n: int) -> None:
    found = cluster_measures(np.eye(n, dtype=int))
    assert {name: float(value) for name, value in found.items()} == pytest.approx(dict.fromkeys(NAMES, 1.0))


@given(SAMPLES, st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_tables_of_weights_are_measured_as_tables_of_copies(samples: list[tuple[str, int]], seed: int) -> None:
    phones, clusters = np.array([p for p, _ in samples]), np.array([c for _, c in samples])
    names, labels, _ = contingency(phones, clusters)
    weights = np.random.default_rng(seed).multinomial(len(phones), np.full(len(phones), 1 / len(phones)), size=(2, 3))
    tables = np.zeros((2, 3, len(names), len(labels)))
    for p, name in enumerate(names):
        for c, label in enumerate(labels):
            tables[..., p, c] = weights[..., (phones == name) & (clusters == label)].sum(axis=-1)
    found = cluster_measures(tables)
    for i in np.ndindex(2, 3):
        alone = expected(phones.repeat(weights[i]).tolist(), clusters.repeat(weights[i]).tolist())
        assert {name: value[i] for name, value in found.items()} == pytest.approx(alone, abs=1e-9)


def test_many_tables_are_measured_as_each_alone() -> None:
    counts = np.random.default_rng(1).poisson(3.0, size=(40, 200, 200))  # more than one block of tables
    found = cluster_measures(counts)
    for i in (0, 25, 26, 39):
        alone = cluster_measures(counts[i])
        assert {name: value[i] for name, value in found.items()} == {name: float(v) for name, v in alone.items()}
    assert {value.shape for value in cluster_measures(counts[:0]).values()} == {(0,)}


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones(3), "shape"),
        (np.ones((3, 0)), "shape"),
        (np.array([[1.0, 0.5]]), "whole numbers"),
        (np.array([[1, -1]]), "whole numbers"),
        (np.array([[1.0, np.nan]]), "whole numbers"),
        (np.array([[[1, 0]], [[0, 0]]]), "no sample"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(counts: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster_measures(counts)
