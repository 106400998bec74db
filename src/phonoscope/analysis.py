"""The grid and the sweeps: from a run's activations to its clusters, scores and numbers of classes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.clustering.curves import criteria_of
from phonoscope.clustering.selection import clusterings, sweep
from phonoscope.errors import SettingError
from phonoscope.evaluation.grid import (
    CLUSTERERS,
    REDUCTIONS,
    Cell,
    CellResult,
    Reduction,
    clusters_table,
    reduce_layer,
    run_cell,
    scores_table,
)
from phonoscope.evaluation.selection_tables import selection_table, sweeps_table
from phonoscope.files import write_frame, written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import Settings

_FEWEST_CLASSES = 2
_GRID = ("clusters.parquet", "per_phone.csv", "scores.csv")
_SWEEPS = ("sweep.parquet", "selection.csv")


def analyse(run: Run, settings: Settings, progress: Progress) -> None:
    """Reduce and cluster every layer of a run, and write what comes out.

    Writes `embeddings/`; `clusters.parquet`, `per_phone.csv` and `scores.csv`; `sweep.parquet` and `selection.csv`.
    Of these what is there already is kept.

    Raises
    ------
    SettingError
        More clusters are asked for than the panel has samples.
    """
    phones = run.panel["phone"].to_list()
    asked = {"clustering.k": settings.clustering.k, "selection.k": settings.selection.k}
    for name, k in asked.items():
        if k > len(phones):
            msg = f"{name} = {k}: there are only {len(phones)} samples in the panel"
            raise SettingError(msg)
    if not all((run.path / name).exists() for name in _GRID):
        _grid(run, phones, settings, progress)
    if not all((run.path / name).exists() for name in _SWEEPS):
        _select(run, len(set(phones)), settings, progress)


def forget(run: Run) -> None:
    """Remove what was made of activations that are to be made anew."""
    for path in (*(run.path / "embeddings").glob("*.json"), *(run.path / name for name in (*_GRID, *_SWEEPS))):
        path.unlink(missing_ok=True)


def _grid(run: Run, phones: list[str], settings: Settings, progress: Progress) -> None:
    """Cluster every layer in every reduction by every clusterer, and measure the clusters."""
    k = settings.clustering.k or len(set(phones))
    results: list[CellResult] = []
    with progress.bar("grid", len(run.layers) * len(REDUCTIONS) * len(CLUSTERERS)) as advance:
        for layer in run.layers:
            embeddings, details = _embeddings(run, layer, settings)
            for reduction in REDUCTIONS:
                for clusterer in CLUSTERERS:
                    cell = Cell(layer, reduction, clusterer, k, settings.seed)
                    result = run_cell(embeddings[reduction], phones, cell, settings.clustering)
                    result.details.update(details[reduction])
                    results.append(result)
                    advance(1)
    per_phone = pl.concat(
        r.separability.per_phone.select(*(pl.lit(v).alias(k) for k, v in asdict(r.cell).items()), pl.all())
        for r in results
    )
    write_frame(clusters_table(results), run.path / "clusters.parquet")
    write_frame(per_phone, run.path / "per_phone.csv")
    write_frame(scores_table(results), run.path / "scores.csv")


def _select(run: Run, n_phones: int, settings: Settings, progress: Progress) -> None:
    """Cluster every layer into 2 … k clusters, k the number of phones, and measure each clustering."""
    ks = sorted({*range(_FEWEST_CLASSES, n_phones + 1), settings.selection.k} - {0})
    splits = settings.selection.stability_splits
    steps = sum(clusterings(ks, criteria_of(name, splits), splits) for name in CLUSTERERS)
    sweeps = []
    with progress.bar("selection", len(run.layers) * steps) as advance:
        for layer in run.layers:
            embeddings, _ = _embeddings(run, layer, settings)
            for clusterer in CLUSTERERS:
                found = sweep(
                    embeddings[settings.selection.reduction],
                    clusterer,
                    ks,
                    clustering=settings.clustering,
                    selection=settings.selection,
                    seed=settings.seed,
                    progress=advance,
                )
                sweeps.append((layer, settings.selection.reduction, found))
    write_frame(sweeps_table(sweeps), run.path / "sweep.parquet")
    write_frame(selection_table(sweeps), run.path / "selection.csv")


def _embeddings(
    run: Run, layer: str, settings: Settings
) -> tuple[dict[Reduction, NDArray[np.float32]], dict[Reduction, dict[str, float]]]:
    """Reduce a layer, or read what an interrupted run has left of it."""
    activations = run.activations(layer)
    folder = run.path / "embeddings"
    folder.mkdir(exist_ok=True)
    about = folder / f"{layer}.json"
    paths: dict[Reduction, Path] = {name: folder / f"{layer}-{name}.npy" for name in ("pca", "tsne")}
    if not about.exists():
        reduced = reduce_layer(activations, settings.reduction, settings.seed)
        with written_whole([*paths.values(), about]) as (*arrays, description):
            for path, (embedding, _) in zip(arrays, reduced.values(), strict=True):
                np.save(path, embedding)
            description.write_text(json.dumps({name: figures for name, (_, figures) in reduced.items()}))
    embeddings = {name: np.load(path) for name, path in paths.items()}
    return {"none": activations, **embeddings}, {"none": {}, **json.loads(about.read_text())}
