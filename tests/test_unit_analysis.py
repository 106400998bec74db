"""The stage of units on a planted run: its files follow from the selectivities, and are made once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from made_run import SMALL, make_run
from phonoscope.evaluation.selectivity import phoneme_selectivity
from phonoscope.phonology.unit_clusters import cluster_units
from phonoscope.progress import Quiet
from phonoscope.unit_analysis import analyse_units, even_rows, forget_units

if TYPE_CHECKING:
    from phonoscope.results import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("units"))


def test_counts_follow_from_the_selectivities(run: Run) -> None:
    about = json.loads((run.path / "psi" / "phones.json").read_text(encoding="utf-8"))
    phones = about["phones"]
    units, by_phone = pl.read_parquet(run.path / "units.parquet"), pl.read_csv(run.path / "units.csv")
    labels = run.panel["phone"].to_list()
    for layer in run.layers:
        psi = np.load(run.path / "psi" / f"{layer}.npy")
        assert np.array_equal(psi, phoneme_selectivity(run.activations(layer), labels, SMALL.units.alpha).psi)
        assert sorted(about["order"][layer]) == sorted(phones)
        assert units.filter(layer=layer)["psi"].to_list() == psi.max(axis=1).tolist()
        least = SMALL.units.threshold * (len(phones) - 1)
        rows = by_phone.filter(layer=layer)
        assert rows["phone"].to_list() == phones
        assert rows["n_selective"].to_list() == (psi >= least - 1e-6).sum(axis=0).tolist()
        assert rows["mean_psi"].to_list() == pytest.approx(psi.mean(axis=0).tolist())


def test_it_is_done_once_and_anew_when_it_is_forgotten(run: Run) -> None:
    names = ("units.parquet", "units.csv", "unit_features.csv", "unit_responses.csv")
    before = {name: ((run.path / name).stat().st_mtime_ns, (run.path / name).read_bytes()) for name in names}
    analyse_units(run, SMALL, Quiet())
    assert {name: (run.path / name).stat().st_mtime_ns for name in names} == {
        n: time for n, (time, _) in before.items()
    }
    forget_units(run)
    assert not any((run.path / name).exists() for name in names)
    analyse_units(run, SMALL, Quiet())
    assert {name: (run.path / name).read_bytes() for name in names} == {
        n: content for n, (_, content) in before.items()
    }


def test_of_many_samples_as_many_of_each_phone_are_compared() -> None:
    phones = ["a"] * 10 + ["b"] * 3 + ["a"] * 10
    rows = even_rows(phones, 4)
    kept = [phones[row] for row in rows]
    assert (kept.count("a"), kept.count("b")) == (4, 3)
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert rows[0] < 3
    assert rows[-1] > 19


def test_units_that_are_selective_alike_are_in_one_group() -> None:
    random = np.random.default_rng(0)
    kinds = np.repeat(np.eye(3, dtype=int), 4, axis=1) * 10  # each kind for four phones
    truth = random.integers(0, 3, 60)
    psi = np.vstack([kinds[truth] + random.integers(0, 2, (60, 12)), np.zeros((5, 12), int)])
    found = cluster_units(psi, 3)
    groups = found.cluster[:60]
    assert len(set(zip(truth.tolist(), groups.tolist(), strict=True))) == 3
    assert len(set(found.cluster[60:].tolist()) & set(groups.tolist())) == 0, "units that answer to nothing are in none"
    drawn = cluster_units(psi, 3, most=12).cluster[:60]
    assert len(set(zip(truth.tolist(), drawn.tolist(), strict=True))) == 3
