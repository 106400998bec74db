"""The grid and the sweeps: from a run's activations to its clusters, scores and numbers of classes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
import polars as pl
from joblib import Parallel, delayed

from phonoscope.clustering.curves import criteria_of
from phonoscope.clustering.embedding import plan
from phonoscope.clustering.measuring import embed_with
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
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.distances import centred_products

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.clustering.selection import Sweep
    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import Settings

_FEWEST_CLASSES = 2
# Samples of a panel whose layers are worth processes of their own, and of one where all cores are better on one layer.
_WORTH_A_PROCESS, _ONE_AT_A_TIME = 1_000, 10_000
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
    if not all((run.path / name).exists() for name in (*_GRID, *_SWEEPS)):
        _tell_of_size(run, len(phones), settings, progress)
        with one_blas_thread():  # what uses more threads does so in blocks that do not depend on their number
            _cluster(run, phones, settings, progress)


def grid_seeds(settings: Settings) -> list[int]:
    """Return the seeds of the grid's clusterings: the run's own, and the next ones; what is not clustered has one."""
    return [(settings.seed + i) % 2**31 for i in range(settings.evaluation.seeds)]


def at_a_time(n: int, memory: float) -> int:
    """Return how many layers of n samples fit into `memory` GB, exact affinities each; one at least.

    With three matrices of n × n numbers of 8 bytes a layer takes about 100 MB of libraries and blocks.
    """
    return max(int(memory * 1e9 // (24 * n * n + 100_000_000)), 1)


def forget(run: Run) -> None:
    """Remove what was made of activations that are to be made anew."""
    for path in (*(run.path / "embeddings").glob("*.json"), *(run.path / name for name in (*_GRID, *_SWEEPS))):
        path.unlink(missing_ok=True)


def _tell_of_size(run: Run, n: int, settings: Settings, progress: Progress) -> None:
    """Say it where the panel is too large for exact spectral clustering."""
    c = settings.clustering
    widths = {run.activations(layer).shape[1] for layer in run.layers} | {settings.reduction.tsne_dimensions}
    methods = {plan(n, d, sigma=c.sigma, method=c.spectral, memory=c.memory) for d in widths}
    if c.spectral == "auto" and methods != {"exact"}:
        names = " and ".join(sorted(methods - {"exact"}))
        progress.warn(
            f"{n:,} samples are too many for exact spectral clustering in {c.memory:g} GB (--clustering.memory): it is "
            f"approximated ({names}); scores.csv tells how well it agrees with exact clusters of 2,000 samples"
        )


def _cluster(run: Run, phones: list[str], settings: Settings, progress: Progress) -> None:
    """Cluster every layer: in every reduction into the grid's number of clusters, in one into all numbers up to it."""
    k = settings.clustering.k or len(set(phones))
    ks = sorted({*range(_FEWEST_CLASSES, len(set(phones)) + 1), settings.selection.k} - {0})
    splits = settings.selection.stability_splits
    cells = len(REDUCTIONS) * settings.evaluation.seeds
    steps = sum(clusterings(ks, criteria_of(name, splits), splits) + cells for name in CLUSTERERS)
    with progress.bar("clustering", len(run.layers) * steps) as advance:
        done = {}
        for found in _layers(run, phones, settings, (k, ks), advance):
            done[found.layer] = found
            advance(steps - found.told)
    results = [result for layer in run.layers for result in done[layer].cells]
    sweeps = [(layer, settings.selection.reduction, found) for layer in run.layers for found in done[layer].sweeps]
    per_phone = pl.concat(
        r.separability.per_phone.select(*(pl.lit(v).alias(k) for k, v in asdict(r.cell).items()), pl.all())
        for r in results
    )
    write_frame(clusters_table(results), run.path / "clusters.parquet")
    write_frame(per_phone, run.path / "per_phone.csv")
    write_frame(scores_table(results), run.path / "scores.csv")
    write_frame(sweeps_table(sweeps), run.path / "sweep.parquet")
    write_frame(selection_table(sweeps), run.path / "selection.csv")


@dataclass(frozen=True)
class _Layer:
    """What came out of a layer, and how many steps of the progress have been told of already."""

    layer: str
    cells: list[CellResult]
    sweeps: list[Sweep]
    told: int


def _layers(
    run: Run, phones: list[str], settings: Settings, numbers: tuple[int, list[int]], advance: Callable[[int], None]
) -> Iterable[_Layer]:
    """Cluster all layers: each with all threads, or of a panel of the usual size several at a time in processes.

    Of 3,300 samples much of the work is too small to be shared out: two layers at a time take little more than half as
    long as one after the other. Of many samples it is not, and one layer at a time takes less memory.
    """
    threads = numba.get_num_threads()
    processes = 1
    if _WORTH_A_PROCESS <= len(phones) <= _ONE_AT_A_TIME:
        processes = min(threads, len(run.layers), at_a_time(len(phones), settings.clustering.memory))
    if processes == 1:
        for layer in run.layers:
            told: list[int] = []

            def tell(steps: int, told: list[int] = told) -> None:
                told.append(steps)
                advance(steps)

            cells, sweeps = _layer(run, layer, phones, settings, numbers, tell)
            yield _Layer(layer, cells, sweeps, sum(told))
        return
    work = Parallel(processes, return_as="generator_unordered", batch_size=1, pre_dispatch=processes)
    yield from work(
        delayed(_layer_apart)(run, layer, phones, settings, numbers, max(threads // processes, 1))
        for layer in run.layers
    )


def _layer_apart(
    run: Run, layer: str, phones: list[str], settings: Settings, numbers: tuple[int, list[int]], threads: int
) -> _Layer:
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    with one_blas_thread():
        return _Layer(layer, *_layer(run, layer, phones, settings, numbers, lambda _steps: None), 0)


def _layer(
    run: Run,
    layer: str,
    phones: list[str],
    settings: Settings,
    numbers: tuple[int, list[int]],
    advance: Callable[[int], None],
) -> tuple[list[CellResult], list[Sweep]]:
    """Reduce and cluster a layer; what several clusterings need of its samples is computed once."""
    k, ks = numbers
    cells: list[CellResult] = []
    sweeps: list[Sweep] = []
    reduced, details = _reductions(run, layer, settings)
    for reduction in REDUCTIONS:
        X, products = reduced.pop(reduction)
        swept = reduction == settings.selection.reduction
        most = min(max(k, ks[-1] + 1 if swept else k), len(X))
        embedding = embed_with(settings.clustering, X, most, settings.seed, products=products, keep_affinity=swept)
        for clusterer in CLUSTERERS:
            for seed in grid_seeds(settings):
                result = run_cell(X, phones, Cell(layer, reduction, clusterer, k, seed), settings.clustering, embedding)
                result.details.update(details[reduction])
                cells.append(result)
                advance(1)
            if swept:
                found = sweep(
                    X,
                    clusterer,
                    ks,
                    clustering=settings.clustering,
                    selection=settings.selection,
                    seed=settings.seed,
                    embedding=embedding,
                    progress=advance,
                )
                sweeps.append(found)
    return cells, sweeps


def _reductions(
    run: Run, layer: str, settings: Settings
) -> tuple[dict[Reduction, tuple[NDArray[np.float32], NDArray[np.float64] | None]], dict[Reduction, dict[str, float]]]:
    """Reduce a layer, or read what an interrupted run has left of it.

    With the activations themselves comes the product of all samples where PCA needed it, for the affinities.
    """
    activations = run.activations(layer)
    folder = run.path / "embeddings"
    folder.mkdir(exist_ok=True)
    about = folder / f"{layer}.json"
    paths: dict[Reduction, Path] = {name: folder / f"{layer}-{name}.npy" for name in ("pca", "tsne")}
    products = None
    if not about.exists():
        n, width = activations.shape
        products = centred_products(activations) if n < width else None
        reduced = reduce_layer(activations, settings.reduction, settings.seed, products)
        with written_whole([*paths.values(), about]) as (*arrays, description):
            for path, (embedding, _) in zip(arrays, reduced.values(), strict=True):
                np.save(path, embedding)
            description.write_text(json.dumps({name: figures for name, (_, figures) in reduced.items()}))
    embeddings = {name: (np.load(path), None) for name, path in paths.items()}
    return {"none": (activations, products), **embeddings}, {"none": {}, **json.loads(about.read_text())}
