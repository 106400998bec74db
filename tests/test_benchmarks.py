"""What the benchmarks are made of: the other side's loop, the measures of quality, the tables."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import oracles

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from features_beside import ARRAYS, LOOP, sides
from measuring import OURS, Record, Side, in_turn, once
from planted import CLASSES, planted
from quality import kl_divergence, manhattan_cost, variance_kept
from run_all import Results, main, wanted
from straightforward import Clustering, block_ratio, centre_ratio, kmedians, lloyd, pca, sigma
from tables import Claim, comparison, exponent, number, reached, together, with_total

from phonoscope.clustering import criteria
from phonoscope.clustering.manhattan import manhattan_distances

BLOBS = np.repeat(np.random.default_rng(1).normal(0, 6, (4, 5)), 12, axis=0)
X = (BLOBS + np.random.default_rng(2).standard_normal(BLOBS.shape)).astype(np.float32)


# --- the other side ---


@pytest.mark.parametrize("seed", range(5))
def test_the_loop_is_k_medians(seed: int) -> None:
    start = X[np.random.default_rng(seed).choice(len(X), 4, replace=False)]
    expected = oracles.kmedians(X, start)
    found = lloyd(X, start)
    assert found.labels.tolist() == expected.labels
    np.testing.assert_allclose(found.centres, expected.centres, rtol=1e-6)
    assert found.iterations == expected.iterations
    assert not found.stopped
    assert manhattan_cost(X, found.centres) == pytest.approx(expected.objective)


def test_the_loop_stops_when_its_time_is_up() -> None:
    found = lloyd(X, X[:4], most_seconds=0)
    assert found.stopped
    assert found.iterations == 1


def test_the_loop_from_a_pilot_uses_all_clusters() -> None:
    assert set(kmedians(X, 3).labels) == {0, 1, 2}


def test_the_criteria_are_the_papers() -> None:
    labels = np.arange(len(X)) % 4
    expected = criteria.centre_ratio(manhattan_distances(X, X[:4]), labels)
    assert centre_ratio(X, Clustering(labels, X[:4].astype(float), 1, stopped=False)) == pytest.approx(expected, 1e-5)
    A = oracles.affinity(X, [oracles.mouysset_sigma(X)] * len(X), 2.0)
    sums = next(criteria.cluster_sums(np.square(A), [labels]))
    assert block_ratio(A + np.eye(len(X)), labels, 4) == pytest.approx(criteria.block_ratio(sums, labels, 4))
    assert sigma(X) == pytest.approx(oracles.mouysset_sigma(X), rel=1e-5)


@pytest.mark.parametrize(("name", "tolerance"), [(LOOP, 1e-5), (ARRAYS, 2e-3)])
def test_others_features_are_the_same(name: str, tolerance: float) -> None:
    samples = np.random.default_rng(0).uniform(-0.3, 0.3, 20_000).astype(np.float32)
    ways = sides()
    np.testing.assert_allclose(ways[name](samples), ways[OURS](samples), atol=tolerance)


# --- the measures ---


def test_kl_divergence_is_that_of_all_pairs() -> None:
    Y = np.random.default_rng(3).standard_normal((len(X), 2))
    conditional = oracles.conditional_probabilities(oracles.squared_distances(X), 7.0)
    joint = (conditional + conditional.T) / (2 * len(X))
    assert kl_divergence(X, Y, 7.0) == pytest.approx(oracles.kl_divergence(joint, Y), rel=1e-6)


def test_variance_kept_is_the_components_share() -> None:
    scores, axes = pca(X, 0.8, "full")
    centred = X - X.mean(axis=0)
    expected = np.square(scores).sum() / np.square(centred).sum()
    assert variance_kept(X, scores, axes) == pytest.approx(expected, rel=1e-5)


def test_planted_samples_do_not_depend_on_their_number(tmp_path: Path) -> None:
    many, classes = planted(tmp_path, 2_500, 6)
    few, some = planted(tmp_path, 90, 6)
    np.testing.assert_array_equal(many[:90], few)
    np.testing.assert_array_equal(classes[:90], some)
    assert set(classes) == set(range(CLASSES))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_peak_memory_is_that_of_the_work() -> None:
    measured = once(lambda: float(np.ones(100 * 2**17).sum()))  # 100 MiB
    assert measured.memory == pytest.approx(100, abs=20)


def test_sides_take_turns() -> None:
    calls: list[str] = []
    found = in_turn({name: lambda name=name: calls.append(name) for name in "ab"}, repeats=3)  # type: ignore[misc]
    assert calls == list("ababab")
    assert set(found) == {"a", "b"}


# --- the tables ---


def record(ours: float, theirs: float, cost: float = 2.0) -> Record:
    return Record("some data", {OURS: Side(ours, 10.0, 20.0, {"cost": cost}), "b": Side(theirs, 5.0, 9.0, {"cost": 2})})


CLAIM = Claim(10, "≥ 10 ×, no higher cost", lambda a, b: a.quality["cost"] <= b.quality["cost"])


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_comparison_has_a_row_a_record_and_side() -> None:
    text = comparison("what", [("one", record(1, 10)), ("two", record(1, 9.99))], {"b": CLAIM, "absent": None})
    head, _, one, two = text.splitlines()
    assert cells(head)[:6] == ["what", "data", "phonoscope, s", "instead", "s", "ratio"]
    assert cells(one)[:8] == ["one", "some data", "1.00", "b", "10.0", "10.0 ×", "≥ 10 ×, no higher cost", "yes"]
    assert cells(one)[8:] == ["cost 2", "cost 2", "10.0", "5.00"]
    assert cells(two)[7] == "**no**"


def test_a_claim_needs_its_quality_too() -> None:
    worse = record(1, 100, cost=3).sides
    assert reached(CLAIM, worse[OURS], worse["b"]) is False
    assert reached(CLAIM, worse[OURS], Side(note="does not run here")) is None


def test_a_side_that_does_not_run_says_so() -> None:
    sides = {OURS: Side(1.0), "b": Side(note="does not run here: why")}
    row = cells(comparison("what", [("one", Record("data", sides))], {"b": CLAIM}).splitlines()[2])
    assert row[3:6] == ["b (does not run here: why)", "", ""]


def test_no_rows_make_no_table() -> None:
    assert not comparison("what", [], {"b": None})


def test_totals_add_seconds_and_average_quality() -> None:
    *_, (what, total) = with_total([("one", record(1, 10)), ("two", record(2, 5, cost=4))], "all")
    assert what == "all"
    assert total.sides[OURS] == Side(3.0, 10.0, 20.0, {"cost": 3.0})
    assert len(with_total([("one", record(1, 10))], "all")) == 1
    assert together([Side(1.0), Side(None)]).seconds is None


def test_exponent_is_the_slope_from_the_least_size_up() -> None:
    sizes = [3_300, 10_000, 33_000, 330_000]
    seconds = [99.0, *(2e-4 * n**1.3 for n in sizes[1:])]
    assert exponent(sizes, seconds) == pytest.approx(1.3)
    assert exponent(sizes[:2], seconds[:2]) is None


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.01234, "0.0123"), (9.999, "10.0"), (123.4, "123")])
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text
    assert number(1234.5) == "1,234"


# --- the results ---


def test_results_are_merged_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    Results(path).add("a", {"record": asdict(record(1, 10))}, {"cores": 2})
    again = Results(path)
    again.add("b", {"failed": "why"}, {"cores": 4})
    again.add("a", {"record": asdict(record(2, 10))}, {"cores": 4})
    assert Results(path).records == {"a": record(2, 10)}
    assert Results(path).failed == {"b": "why"}
    assert json.loads(path.read_text())["machines"] == [{"cores": 4}]


def test_measurements_are_named_by_their_first_words() -> None:
    assert wanted("tsne.2d.D3", [])
    assert wanted("tsne.2d.D3", ["pca", "tsne.2d"])
    assert not wanted("tsne.2d.D3", ["tsne.2d.D"])


def test_without_a_run_it_names_the_command_that_makes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run", str(tmp_path / "none")]) == 2
    assert "make demo" in capsys.readouterr().err
