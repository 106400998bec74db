"""The grid and the sweeps over a run's layers, without what comes before and after them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numba
import numpy as np
import polars as pl
import pytest

from phonoscope.analysis import _tell_of_size, analyse
from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.errors import SettingError
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.results import Run
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PHONES = ["p", "t", "k", "a", "i", "u"]
WIDTHS = {"raw": 60, "conv1": 700, "D1": 30}
OUTPUTS = ("scores.csv", "per_phone.csv", "selection.csv", "clusters.parquet", "sweep.parquet")
QUICK = Settings().changed({"reduction.tsne_iterations": 250, "selection.stability_splits": 1, "evaluation.seeds": 2})


class Listening(Quiet):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.warned: list[str] = []
        self.total = self.done = 0

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def bar(self, text: str, total: int, counted: str):  # type: ignore[no-untyped-def] # noqa: ANN201
        assert text == "clustering"
        self.total = total
        return super().bar(text, total, counted)


def made(path: Path, n: int) -> Run:
    """Make what a run has before its grid: a panel, and the activations of three layers."""
    (path / "activations").mkdir(parents=True)
    draws = np.random.default_rng(n)
    truth = np.arange(n) % len(PHONES)
    for layer, width in WIDTHS.items():
        X = 3 * draws.standard_normal((len(PHONES), width))[truth] / np.sqrt(width) + draws.standard_normal((n, width))
        np.save(path / "activations" / f"{layer}.npy", X.astype(np.float32))
    (path / "activations" / "layers.json").write_text(json.dumps({name: [width] for name, width in WIDTHS.items()}))
    pl.DataFrame({"sample": np.arange(n), "phone": [PHONES[i] for i in truth]}).write_parquet(path / "panel.parquet")
    return Run(path)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = made(tmp_path_factory.mktemp("run"), 120)
    with limited_threads(1):
        analyse(run, QUICK, Quiet())
    return run


def test_cells_and_sweeps_share_what_they_need_and_change_nothing(analysed: Run) -> None:
    for layer in WIDTHS:
        for reduction in ("none", "pca", "tsne"):
            X = (
                analysed.activations(layer)
                if reduction == "none"
                else np.load(analysed.path / "embeddings" / f"{layer}-{reduction}.npy")
            )
            cells = analysed.clusters.filter(layer=layer, reduction=reduction)
            spectral = SpectralClustering(6, random_state=0).fit(X)
            assert cells.filter(clusterer="spectral", seed=0)["cluster"].to_list() == spectral.labels_.tolist()
            other = KMedians(6, random_state=1).fit(X)
            assert cells.filter(clusterer="kmedians", seed=1)["cluster"].to_list() == other.labels_.tolist()
            row = analysed.scores.filter(layer=layer, reduction=reduction, clusterer="spectral").row(0, named=True)
            assert (row["sigma"], row["method"], row["agreement"]) == (pytest.approx(spectral.sigma_), "exact", None)
            kmedians = KMedians(6, random_state=0).fit(X)
            assert cells.filter(clusterer="kmedians", seed=0)["cluster"].to_list() == kmedians.labels_.tolist()
        swept = analysed.sweep.filter(layer=layer, clusterer="spectral", k=6)["cluster"].to_list()
        assert (
            swept
            == analysed.clusters.filter(layer=layer, reduction="pca", clusterer="spectral", seed=0)["cluster"].to_list()
        )
    assert analysed.sweep["k"].unique().sort().to_list() == [2, 3, 4, 5, 6]


# 120 samples are clustered layer by layer, 1,020 in processes side by side where there is more than one job
@pytest.mark.parametrize("n", [120, 1_020])
def test_the_number_of_jobs_changes_nothing(tmp_path: Path, n: int) -> None:
    settings = QUICK.changed({"selection.stability_splits": 0, "selection.spectral_criterion": "ratio"})
    runs = [made(tmp_path / str(jobs), n) for jobs in (1, 2, 3)]
    for jobs, run in zip((1, 2, 3), runs, strict=True):
        heard = Listening()
        with limited_threads(min(jobs, numba.config.NUMBA_NUM_THREADS)):  # type: ignore[attr-defined]
            analyse(run, settings, heard)
        assert not heard.warned
    for name in (*OUTPUTS, *(f"embeddings/{layer}-{r}.npy" for layer in WIDTHS for r in ("pca", "tsne"))):
        first, *others = ((run.path / name).read_bytes() for run in runs)
        assert all(other == first for other in others), name


def test_what_is_there_is_kept_and_what_was_lost_is_made_again(analysed: Run) -> None:
    before = {name: (analysed.path / name).read_bytes() for name in OUTPUTS}
    (analysed.path / "selection.csv").unlink()
    times = {path: path.stat().st_mtime_ns for path in (analysed.path / "embeddings").iterdir()}
    analyse(analysed, QUICK, Quiet())
    assert {name: (analysed.path / name).read_bytes() for name in OUTPUTS} == before
    assert {path: path.stat().st_mtime_ns for path in (analysed.path / "embeddings").iterdir()} == times


def test_a_layer_s_rows_are_those_of_the_whole_table(analysed: Run) -> None:
    for layer in WIDTHS:
        assert analysed.clusters_of(layer).equals(analysed.clusters.filter(layer=layer))
        swept = analysed.sweep.filter(layer=layer).drop("layer", "reduction")
        assert analysed.sweep_of(layer).equals(swept)
    assert analysed.sweep_of("D9").is_empty()


def test_a_panel_too_large_for_the_memory_is_approximated_and_the_user_is_told(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 1_020)
    heard = Listening()
    small = {"clustering.memory": 0.02, "clustering.landmarks": 300, "clustering.sigma": "median"}
    with limited_threads(1):
        analyse(run, QUICK.changed({**small, "selection.sample": 300}), heard)
    assert len(heard.warned) == 1
    assert (
        "1,020 samples are too many for exact spectral clustering in 0.02 GB (--clustering.memory)" in heard.warned[0]
    )
    spectral = run.scores.filter(clusterer="spectral")
    assert set(spectral["method"]) == {"nystrom"}
    assert spectral["agreement"].null_count() == 0
    assert max(spectral["agreement"].to_list()) > 0.5
    assert run.scores.filter(clusterer="kmedians")["method"].null_count() == 18


def test_t_sne_that_does_not_fit_into_the_memory_is_told_of(tmp_path: Path) -> None:
    run = made(tmp_path / "run", 12)
    for dimensions, n, words in (
        (2, 16_000, "16,000 samples are too many for exact t-SNE in 0.25 GB (--clustering.memory), 0.3 GB"),
        (3, 16_000, "t-SNE in space takes 0.3 GB for 16,000 samples, more than --clustering.memory 0.25"),
        (2, 15_000, ""),
        (2, 30_000, ""),  # of so many it is never exact
    ):
        heard = Listening()
        changes = {"clustering.memory": 0.25, "clustering.spectral": "nystrom", "reduction.tsne_dimensions": dimensions}
        _tell_of_size(run, n, QUICK.changed(changes), heard)
        assert len(heard.warned) == bool(words)
        assert not words or words in heard.warned[0]


@pytest.mark.parametrize("name", ["clustering.k", "selection.k"])
def test_more_clusters_than_samples_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=rf"{name} = 121: there are only 120 samples"):
        analyse(made(tmp_path / "run", 120), QUICK.changed({name: 121}), Quiet())
