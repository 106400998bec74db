"""Every measure with its interval: the files, that they follow from the clusters, and that they are made but once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from made_run import SMALL, Plan, forget, make_run
from phonoscope.appraisal import appraise
from phonoscope.evaluation.appraisal_tables import ACTIVATION_MEASURES, CLUSTER_MEASURES, KEPT
from phonoscope.evaluation.bootstrap import count_tables, resampling_weights
from phonoscope.evaluation.cluster_measures import cluster_measures
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.results import Run

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = SMALL.changed({"evaluation.replicates": 40, "evaluation.seeds": 2})
FILES = ("scores.csv", "measures.csv", "replicates.parquet", "outcomes.parquet", "tests.csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    plan = Plan(phones={p: p for p in "ptksaiu"}, seeds=(4, 5), settings=SETTINGS)
    return make_run(tmp_path_factory.mktemp("run"), plan)


def test_every_measure_of_every_layer_has_a_value_within_its_interval(run: Run) -> None:
    measures = run.measures
    assert measures is not None
    assert measures.height == 3 * (3 * 2 * len(CLUSTER_MEASURES) + len(ACTIVATION_MEASURES))
    of_cells, of_layers = measures.filter(pl.col("clusterer") != ""), measures.filter(clusterer="")
    assert set(of_cells["measure"]) == set(CLUSTER_MEASURES)
    assert set(of_layers["measure"]) == set(ACTIVATION_MEASURES)
    assert set(of_layers["reduction"]) == {"none"}
    assert of_layers["k"].null_count() == of_layers.height
    low, value, high = (measures[name].to_numpy() for name in ("low", "value", "high"))
    assert ((low <= value) & (value <= high)).all()
    assert (high > low).mean() > 0.9
    assert set(of_cells["n_seeds"]) == {2}
    assert set(of_layers["n_seeds"]) == {1}
    assert set(measures["n_replicates"]) == {80}
    assert (measures["chance"] <= measures["chance_high"]).all()
    assert of_cells.filter(measure="ami")["chance"].abs().max() < 0.1  # type: ignore[operator]


def test_values_are_means_over_seeds_and_replicates_are_those_of_the_same_panels(run: Run) -> None:
    scores, measures = run.scores, run.measures
    assert measures is not None
    cell = {"layer": "conv1", "reduction": "pca", "clusterer": "spectral"}
    for name in CLUSTER_MEASURES:
        shown = measures.filter(measure=name, **cell)["value"].item()
        assert shown == pytest.approx(scores.filter(**cell)[name].to_numpy().mean(), abs=1e-6)
    kept = pl.read_parquet(run.path / "replicates.parquet")
    assert set(kept["measure"]) == {*KEPT, *ACTIVATION_MEASURES}
    assert kept["value"].dtype == pl.Float32
    panel = run.panel
    phone_index = np.unique(panel["phone"].to_numpy(), return_inverse=True)[1]
    for seed in (4, 5):
        weights = resampling_weights(panel["phone"].to_numpy(), panel["speaker"].to_numpy(), 40, seed)
        clusters = run.clusters.filter(seed=seed, **cell).sort("sample")["cluster"].to_numpy()
        expected = cluster_measures(count_tables(phone_index, clusters, weights))
        found = kept.filter(seed=seed, measure="pnmi", **cell).sort("replicate")
        assert found["replicate"].to_list() == list(range(40))
        np.testing.assert_allclose(found["value"].to_numpy(), expected["pnmi"], atol=1e-6)


def test_measures_of_the_activations_are_means_over_phones_and_in_the_scores(run: Run) -> None:
    outcomes, scores, phones = pl.read_parquet(run.path / "outcomes.parquet"), run.scores, run.panel
    assert outcomes.columns == ["layer", "sample", *ACTIVATION_MEASURES]
    assert outcomes.height == 3 * phones.height
    assert scores.columns[-5:] == list(ACTIVATION_MEASURES)
    assert scores.filter(pl.col("reduction") != "none")["knn"].null_count() == scores.height * 2 // 3
    for layer in run.layers:
        own = outcomes.filter(layer=layer).join(phones.select("sample", "phone"), on="sample")
        for name in ACTIVATION_MEASURES:
            expected = own.group_by("phone").agg(pl.col(name).drop_nans().mean())[name].mean()
            (found,) = set(scores.filter(layer=layer, reduction="none")[name])
            assert found == pytest.approx(expected, abs=1e-6)


def test_differences_between_layers_are_those_of_the_measures(run: Run) -> None:
    tests, measures = run.layer_tests, run.measures
    assert tests is not None
    assert measures is not None
    assert tests.height == 3 * (3 * 2 * 3 + len(ACTIVATION_MEASURES))
    row = tests.filter(measure="f_measure", reduction="none", clusterer="kmedians", layer_a="raw", layer_b="D1")
    f = {
        layer: measures.filter(layer=layer, measure="f_measure", reduction="none", clusterer="kmedians")["value"].item()
        for layer in ("raw", "D1")
    }
    assert row["difference"].item() == pytest.approx(f["D1"] - f["raw"], abs=2e-6)
    assert row["holds"].item(), "0.6 of the samples are moved at the one, 0.2 at the other"
    assert tests.filter(layer_a="conv1", layer_b="raw").is_empty()
    assert ((tests["p_corrected"] <= 0.05 + 1e-9) == tests["holds"]).all()


def test_the_number_of_jobs_changes_nothing_and_what_is_there_is_kept(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "other")
    other = Run(tmp_path / "other")
    times = {name: (other.path / name).stat().st_mtime_ns for name in FILES}
    appraise(other, SETTINGS, Quiet())
    assert {name: (other.path / name).stat().st_mtime_ns for name in FILES} == times
    forget(other, "measures")
    assert other.measures is None
    assert other.layer_tests is None
    # scores made anew have no measures of the activations
    other.scores.drop(ACTIVATION_MEASURES).write_csv(other.path / "scores.csv")
    with limited_threads(1):
        appraise(other, SETTINGS, Quiet())
    assert all((other.path / name).read_bytes() == (run.path / name).read_bytes() for name in FILES)
    other.scores.drop(ACTIVATION_MEASURES).write_csv(other.path / "scores.csv")
    appraise(other, SETTINGS, Quiet())
    assert (other.path / "scores.csv").read_bytes() == (run.path / "scores.csv").read_bytes()


def test_what_one_speaker_can_not_tell_has_no_figure(tmp_path: Path) -> None:
    plan = Plan(phones={p: p for p in "pau"}, speakers=("v1",), layers={"D1": (24,)})
    run = make_run(tmp_path, plan)
    measures = run.measures
    assert measures is not None
    row = measures.filter(measure="abx_across").row(0, named=True)
    assert [row[name] for name in ("value", "low", "high", "chance")] == [None] * 4
    assert run.scores["abx_across"].null_count() == run.scores.height
    assert run.layer_tests is not None
    assert run.layer_tests.is_empty()
