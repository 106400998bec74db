"""The files of a run's units: against the selectivities themselves, made once, and the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file, save_file

from made_run import SMALL, TWELVE, Plan, forget, make_run
from oracles_units import fsi, psi
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.report.write import write_report
from phonoscope.unit_analysis import analyse_units, even_rows

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.results import Run

LAYERS = {"raw": (3, 2, 3), "conv1": (4, 3, 4), "D1": (24,)}
FILES = ("psi/phones.json", "units.parquet", "units.csv", "unit_features.csv", "unit_responses.csv")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("units"), Plan(layers=LAYERS, samples=12))


def contents(run: Run) -> dict[str, bytes]:
    return {name: (run.path / name).read_bytes() for name in (*FILES, *(f"psi/{layer}.npy" for layer in run.layers))}


def test_the_index_of_every_unit_is_kept(made: Run) -> None:
    labels = made.panel["phone"].to_list()
    for layer in made.layers:
        phones, order, found = made.psi(layer)
        assert phones == list(TWELVE)
        assert sorted(order) == sorted(phones)
        assert found.dtype == np.uint8
        assert found[:3].tolist() == [psi(unit, labels, 0.01) for unit in made.activations(layer)[:, :3].T]


def test_counts_are_those_of_the_indices(made: Run) -> None:
    counts = made.unit_counts
    assert counts.height == len(LAYERS) * len(TWELVE)
    for layer in made.layers:
        phones, _, found = made.psi(layer)
        of_layer = counts.filter(layer=layer)
        assert of_layer["phone"].to_list() == phones
        selective = (found >= 9).sum(axis=0)  # 0.8 · 11 = 8.8
        assert of_layer["n_selective"].to_list() == selective.tolist()
        assert of_layer["share"].to_list() == pytest.approx((selective / len(found)).tolist())
        assert of_layer["mean_psi"].to_list() == pytest.approx(found.mean(axis=0).tolist())
    assert counts["n_selective"].sum() > 0


def test_units_selective_for_a_feature_are_counted(made: Run) -> None:
    labels = made.panel["phone"].to_list()
    voicing = {"p": False, "b": True, "t": False, "d": True, "s": False, "z": True}  # of obstruents
    shares = [fsi(unit, labels, 0.01, voicing) for unit in made.activations("conv1").T]
    (row,) = made.unit_features.filter(layer="conv1", attribute="voicing", value="voiced").to_dicts()
    assert (row["n_phones"], row["n_others"], row["n_units"]) == (3, 3, 48)
    assert row["n_selective"] == sum(share > 0.8 - 1e-9 for share in shares) >= 10, "filter 1 follows voicing"
    assert row["mean_fsi"] == pytest.approx(np.mean(shares))
    values = made.unit_features.filter(layer="D1").select("attribute", "value").rows()
    assert ("manner", "plosive") in values
    assert ("place", "dorsal") not in values, "no phone has it"
    assert len(values) == len(set(values))


def test_a_row_a_unit_says_what_it_is_best_for(made: Run) -> None:
    table = made.units
    assert table is not None
    assert table.group_by("layer", maintain_order=True).len().rows() == [("raw", 18), ("conv1", 48), ("D1", 24)]
    phones, _, found = made.psi("conv1")
    units = table.filter(layer="conv1")
    assert units["map"].to_list() == [unit // 12 for unit in range(48)]
    assert table.filter(layer="D1")["map"].null_count() == 24
    assert units["psi"].to_list() == found.max(axis=1).tolist()
    for row in units.filter(pl.col("psi") > 0).iter_rows(named=True):
        assert found[row["unit"], phones.index(row["phone"])] == row["psi"]
    voicing = units.filter(map=1)["feature"].to_list()
    assert voicing.count("voicing: voiced") > 6
    drawn = units.filter(pl.col("place").is_not_null()).sort("place")
    assert drawn["place"].to_list() == list(range(drawn.height))
    assert drawn["cluster"].is_sorted()


def test_the_answers_of_groups_are_means_of_standardised_activations(made: Run) -> None:
    table, units = made.unit_responses, made.units
    assert units is not None
    labels = np.array(made.panel["phone"].to_list())
    X = made.activations("D1").astype(float)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    vowels = np.isin(labels, ["i", "E", "a", "u"])
    for cluster, n, value in table.filter(layer="D1", value="vowel").select("cluster", "n_units", "response").rows():
        members = (units.filter(layer="D1")["cluster"] == cluster).fill_null(value=False).to_numpy()
        assert members.sum() == n
        assert value == pytest.approx(Z[vowels][:, members].mean(), abs=1e-5)


def test_it_is_made_once_and_the_same_whatever_the_threads(made: Run) -> None:
    before = contents(made)
    stamps = [(made.path / name).stat().st_mtime_ns for name in FILES]
    analyse_units(made, SMALL, Quiet())
    assert [(made.path / name).stat().st_mtime_ns for name in FILES] == stamps
    forget(made, "units")
    assert not any((made.path / name).exists() for name in FILES)
    assert 'id="units"' not in write_report(made).read_text(encoding="utf-8")
    with limited_threads(1):
        analyse_units(made, SMALL, Quiet())
    assert contents(made) == before
    page = write_report(made).read_text(encoding="utf-8")
    assert '<section id="units">' in page
    assert 'href="#units"' in page


def test_settings_change_what_counts(made: Run) -> None:
    selective = made.unit_counts["n_selective"].sum()
    for changes, smaller in (({"units.threshold": 1.0}, True), ({"units.threshold": 0.3}, False)):
        forget(made, "units")
        analyse_units(made, SMALL.changed(changes), Quiet())
        assert (made.unit_counts["n_selective"].sum() < selective) == smaller
    forget(made, "units")
    analyse_units(made, SMALL.changed({"units.alpha": 1e-8, "units.samples": 3, "units.clusters": 2}), Quiet())
    assert made.unit_counts["mean_psi"].sum() == 0, "three samples never differ so much"
    assert made.unit_responses.is_empty()
    assert 'id="units"' in write_report(made).read_text(encoding="utf-8")
    forget(made, "units")
    analyse_units(made, SMALL, Quiet())


def test_samples_are_drawn_evenly_and_stay_in_order() -> None:
    phones = list("aabbbbbbbab")
    assert even_rows(phones, 100).tolist() == list(range(11))
    assert even_rows(phones, 3).tolist() == [0, 1, 2, 6, 9, 10]


def test_weights_are_those_of_the_shown_filters_only(made: Run, tmp_path: Path) -> None:
    weights = load_file(made.path / "model.safetensors")["conv1.weight"]
    found = made.filter_weights
    assert found is not None
    assert np.array_equal(found, weights)
    assert "kernel-filter3" in write_report(made).read_text(encoding="utf-8")
    other = make_run(tmp_path, Plan(phones={"p": "p", "a": "a"}, layers={"raw": (3, 2, 3), "conv1": (4, 3, 4)}))
    save_file({"conv1.weight": weights[:2]}, other.path / "model.safetensors")
    assert other.filter_weights is None, "another number of filters"
    page = write_report(other).read_text(encoding="utf-8")
    assert "kernel-filter" not in page
    assert "own weights" not in page
    (other.path / "model.safetensors").unlink()
    assert other.filter_weights is None
