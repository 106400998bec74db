from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

import oracles
from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.evaluation.grid import (
    CLUSTERERS,
    REDUCTIONS,
    Cell,
    CellResult,
    cluster_tables,
    reduce_by_pca,
    reduce_by_tsne,
    run_cell,
    scores_table,
)
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE
from phonoscope.settings import ClusteringSettings, ReductionSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

PHONES = ["p", "a", "i"] * 10
REDUCTION = ReductionSettings(tsne_iterations=300)
CLUSTERING = ClusteringSettings()


def reduce_layer(
    activations: NDArray[np.float32], settings: ReductionSettings, seed: int
) -> dict[str, tuple[NDArray[np.float32], dict[str, float]]]:
    scores, kept = reduce_by_pca(activations, settings)
    return {"pca": (scores, kept), "tsne": reduce_by_tsne(scores, settings, seed)}


@pytest.fixture(scope="module")
def activations() -> NDArray[np.float32]:
    draws = np.random.default_rng(0)
    centres = 4 * draws.standard_normal((3, 20))
    return (centres[np.arange(30) % 3] + draws.standard_normal((30, 20))).astype(np.float32)


@pytest.fixture(scope="module")
def results(activations: NDArray[np.float32]) -> list[CellResult]:
    return grid(activations, 5)


def grid(activations: NDArray[np.float32], seed: int) -> list[CellResult]:
    reduced = reduce_layer(activations, REDUCTION, seed)
    found = []
    for reduction in REDUCTIONS:
        X = activations if reduction == "none" else reduced[reduction][0]
        for clusterer in CLUSTERERS:
            result = run_cell(X, PHONES, Cell("D1", reduction, clusterer, 3, seed), CLUSTERING)
            result.details.update({} if reduction == "none" else reduced[reduction][1])
            found.append(result)
    return found


def test_the_reductions_are_those_of_their_own_modules(activations: NDArray[np.float32]) -> None:
    reduced = reduce_layer(activations, REDUCTION, 5)
    assert set(reduced) == {"pca", "tsne"}
    components = pca(activations, 0.9)
    scores, about = reduced["pca"]
    np.testing.assert_array_equal(scores, components.scores)
    assert about == {"variance_kept": pytest.approx(components.share.sum())}
    assert about["variance_kept"] >= 0.9
    embedding, about = reduced["tsne"]
    # thirty samples have no thirty neighbours: a third of the others
    tsne = TSNE(perplexity=29 / 3, max_iter=300, random_state=5).fit(components.scores)
    np.testing.assert_array_equal(embedding, tsne.embedding_)
    assert about == {"kl_divergence": tsne.kl_divergence_, "perplexity": pytest.approx(29 / 3)}


def test_settings_reach_the_reductions(activations: NDArray[np.float32]) -> None:
    settings = ReductionSettings(pca_variance=0.5, tsne_dimensions=3, perplexity=4, tsne_iterations=260)
    reduced = reduce_layer(activations, settings, 0)
    assert reduced["pca"][0].shape[1] < pca(activations, 0.9).scores.shape[1]
    assert reduced["tsne"][0].shape == (30, 3)
    assert reduced["tsne"][1]["perplexity"] == 4


def test_the_smallest_panel_can_be_reduced() -> None:
    reduced = reduce_layer(np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32), REDUCTION, 0)
    assert reduced["tsne"][0].shape == (4, 2)
    assert np.isfinite(reduced["tsne"][0]).all()


def test_a_cell_is_its_clusterer_and_its_measures(activations: NDArray[np.float32]) -> None:
    result = run_cell(activations, PHONES, Cell("D1", "none", "kmedians", 4, 2), CLUSTERING)
    kmedians = KMedians(4, random_state=2).fit(activations)
    assert result.labels.tolist() == kmedians.labels_.tolist()
    assert result.details["inertia"] == kmedians.inertia_
    assert result.details["dimensions"] == 20
    scores = oracles.phone_scores(PHONES, result.labels.tolist()).values()
    assert result.separability.precision == pytest.approx(sum(s.precision for s in scores) / 3)
    result = run_cell(activations, PHONES, Cell("D1", "none", "spectral", 4, 2), CLUSTERING)
    spectral = SpectralClustering(4, random_state=2).fit(activations)
    assert result.labels.tolist() == spectral.labels_.tolist()
    assert result.details["sigma"] == spectral.sigma_


@pytest.mark.parametrize(
    ("clusterer", "changes"),
    [
        ("kmedians", {"kmedians_init": "random"}),
        ("kmedians", {"kmedians_restarts": 5}),
        ("kmedians", {"max_iterations": 1}),
        ("spectral", {"sigma": "local"}),
        ("spectral", {"kernel": "sigma2"}),
    ],
)
def test_settings_reach_the_clusterers(clusterer: Any, changes: dict[str, Any]) -> None:  # noqa: ANN401
    X = np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)
    phones = ["p", "a", "i"] * 20
    cell = Cell("D1", "none", clusterer, 4, 0)
    plain, changed = (run_cell(X, phones, cell, s) for s in (CLUSTERING, ClusteringSettings(**changes)))
    assert plain.details != changed.details


def test_clear_phones_are_separated(results: list[CellResult]) -> None:
    assert [(r.cell.reduction, r.cell.clusterer) for r in results] == [
        ("none", "kmedians"),
        ("none", "spectral"),
        ("pca", "kmedians"),
        ("pca", "spectral"),
        ("tsne", "kmedians"),
        ("tsne", "spectral"),
    ]
    assert max(r.separability.f_measure for r in results) == 1


def test_scores_have_a_row_a_cell_and_the_columns_of_the_design(results: list[CellResult]) -> None:
    table = scores_table(results)
    assert table.columns[:11] == [
        "layer",
        "reduction",
        "clusterer",
        "k",
        "seed",
        "precision",
        "recall",
        "f_measure",
        "n_samples",
        "n_phones",
        "n_phones_found",
    ]
    assert table.height == 6
    for row, result in zip(table.iter_rows(named=True), results, strict=True):
        cell, measured = result.cell, result.separability
        assert (row["layer"], row["reduction"], row["clusterer"]) == ("D1", cell.reduction, cell.clusterer)
        assert (row["k"], row["seed"], row["n_samples"], row["n_phones"]) == (3, 5, 30, 3)
        assert row["n_phones_found"] == measured.n_phones_found
        for name in ("precision", "recall", "f_measure", "purity", "found_f_measure"):
            assert row[name] == getattr(measured, name)
        assert (row["inertia"] is None) == (cell.clusterer != "kmedians")
        assert (row["sigma"] is None) == (cell.clusterer != "spectral")
        assert (row["variance_kept"] is None) == (cell.reduction != "pca")
        assert (row["kl_divergence"] is None) == (cell.reduction != "tsne")
    assert table.null_count().select("precision", "recall", "f_measure").row(0) == (0, 0, 0)


def test_clusters_have_a_row_a_sample_and_cell(results: list[CellResult]) -> None:
    table = pl.concat(cluster_tables(results))
    assert table.columns == ["sample", "layer", "reduction", "clusterer", "k", "seed", "cluster"]
    assert table.height == 6 * 30
    for result in results:
        own = table.filter(
            (pl.col("reduction") == result.cell.reduction) & (pl.col("clusterer") == result.cell.clusterer)
        )
        assert own["sample"].to_list() == list(range(30))
        assert own["cluster"].to_list() == result.labels.tolist()
        assert set(own.select("layer", "k", "seed").iter_rows()) == {("D1", 3, 5)}


def test_a_seed_gives_the_same_grid(results: list[CellResult], activations: NDArray[np.float32]) -> None:
    again = grid(activations, 5)
    assert scores_table(again).equals(scores_table(results))
    assert pl.concat(cluster_tables(again)).equals(pl.concat(cluster_tables(results)))


def test_activations_from_a_file_do(activations: NDArray[np.float32], tmp_path: Any) -> None:  # noqa: ANN401
    np.save(tmp_path / "D1.npy", activations)
    mapped = np.load(tmp_path / "D1.npy", mmap_mode="r")
    for clusterer in CLUSTERERS:
        cell = Cell("D1", "none", clusterer, 3, 0)
        found, expected = (run_cell(X, PHONES, cell, CLUSTERING) for X in (mapped, activations))
        assert found.labels.tolist() == expected.labels.tolist()
    np.testing.assert_array_equal(
        reduce_layer(mapped, REDUCTION, 0)["tsne"][0], reduce_layer(activations, REDUCTION, 0)["tsne"][0]
    )
