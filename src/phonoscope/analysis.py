"""The grid and the sweeps: from a run's activations to its clusters, scores and numbers of classes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
import polars as pl

from phonoscope.clustering.curves import criteria_of
from phonoscope.clustering.embedding import plan
from phonoscope.clustering.measuring import embed_with
from phonoscope.clustering.selection import Sweep, clusterings, sweep
from phonoscope.errors import SettingError
from phonoscope.evaluation.grid import (
    CLUSTERERS,
    REDUCTIONS,
    Cell,
    CellResult,
    Clusterer,
    Reduction,
    cluster_tables,
    reduce_by_pca,
    reduce_by_tsne,
    run_cell,
    scores_table,
)
from phonoscope.evaluation.selection_tables import selection_table, sweep_tables
from phonoscope.files import write_frame, write_frames, written_whole
from phonoscope.kept import Kept, forget_kept
from phonoscope.kept_cells import find_result, keep_cell, keep_sweep, kept_with
from phonoscope.lending import Lent
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.distances import centred_products
from phonoscope.reduction.tsne import EXACT_UP_TO, exact_bytes
from phonoscope.reduction.tsne import plan as tsne_plan
from phonoscope.results import Run
from phonoscope.workers import Processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.settings import Settings
    from phonoscope.workers import Workers

_FEWEST_CLASSES = 2
# Samples of a panel whose layers are worth processes of their own, and of one where all cores are better on one layer.
_WORTH_A_PROCESS, _ONE_AT_A_TIME = 1_000, 10_000
_GRID = ("clusters.parquet", "per_phone.csv", "scores.csv")
_SWEEPS = ("sweep.parquet", "selection.csv")
_CELLS = "cells"


def analyse(run: Run, settings: Settings, progress: Progress, workers: Workers | None = None) -> None:
    """Reduce and cluster every layer of a run, and write what comes out.

    Writes `embeddings/`; `clusters.parquet`, `per_phone.csv` and `scores.csv`; `sweep.parquet` and `selection.csv`.
    Of these what is there already is kept: each embedding, the grid's three and the sweeps' two. Each cell of the grid
    and each sweep lies in `cells/` until they all are done.
    Layers are shared out among `workers`, or among processes here.

    Raises
    ------
    SettingError
        More clusters are asked for than the panel has samples.
    """
    phones = run.panel["phone"].to_list()
    check_numbers(len(phones), settings)
    embeddings = [path for layer in run.layers for paths in _embeddings(run, layer).values() for path in paths]
    if not _are_there(run, (*_GRID, *_SWEEPS)) or not all(path.exists() for path in embeddings):
        _tell_of_size(run, len(phones), settings, progress)
        with one_blas_thread():  # what uses more threads does so in blocks that do not depend on their number
            _cluster(run, phones, settings, progress, workers)
    forget_kept(run.path / _CELLS)


def check_numbers(n: int, settings: Settings) -> None:
    """See that no more clusters are asked for than a panel has samples, n.

    Raises
    ------
    SettingError
        There are.
    """
    asked = {"clustering.k": settings.clustering.k, "selection.k": settings.selection.k}
    for name, k in asked.items():
        if k > n:
            msg = f"{name} = {k}: there are only {n} samples in the panel"
            raise SettingError(msg)


def grid_seeds(settings: Settings) -> list[int]:
    """Return the seeds of the grid's clusterings: the run's own, and the next ones; what is not clustered has one."""
    return [(settings.seed + i) % 2**31 for i in range(settings.evaluation.seeds)]


def at_a_time(n: int, memory: float) -> int:
    """Return how many layers of n samples fit into `memory` GB, exact affinities each; one at least.

    With three matrices of n × n numbers of 8 bytes a layer takes about 100 MB of libraries and blocks. Its t-SNE takes
    less, and at another time.
    """
    return max(int(memory * 1e9 // (24 * n * n + 100_000_000)), 1)


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
    dimensions = settings.reduction.tsne_dimensions
    needed = exact_bytes(n, dimensions) / 1e9
    if needed <= c.memory or all(path.exists() for layer in run.layers for path in _embeddings(run, layer)["tsne"]):
        return
    if tsne_plan(n, dimensions, c.memory) == "exact":
        progress.warn(
            f"t-SNE in space takes {needed:.1f} GB for {n:,} samples, more than --clustering.memory {c.memory:g}: only "
            "in the plane (--reduction.tsne_dimensions 2) can it do with less"
        )
    elif n <= EXACT_UP_TO:
        progress.warn(
            f"{n:,} samples are too many for exact t-SNE in {c.memory:g} GB (--clustering.memory), {needed:.1f} GB: "
            "the forces between them are interpolated on a grid, as for more than 25,000 samples"
        )


def _cluster(run: Run, phones: list[str], settings: Settings, progress: Progress, workers: Workers | None) -> None:
    """Cluster every layer: in every reduction into the grid's number of clusters, in one into all numbers up to it."""
    k = settings.clustering.k or len(set(phones))
    ks = sorted({*range(_FEWEST_CLASSES, len(set(phones)) + 1), settings.selection.k} - {0})
    splits = settings.selection.stability_splits
    cells = len(REDUCTIONS) * settings.evaluation.seeds
    steps = sum(clusterings(ks, criteria_of(name, splits), splits) + cells for name in CLUSTERERS)
    with progress.bar("clustering", len(run.layers) * steps, "clusterings") as advance:
        done = {}
        for found in _layers(run, phones, settings, (k, ks), advance, workers):
            done[found.layer] = found
            advance(steps - found.told)
    if not _are_there(run, _GRID):
        _write_grid(run, [result for layer in run.layers for result in done[layer].cells])
    if not _are_there(run, _SWEEPS):
        reduction = settings.selection.reduction
        sweeps = [(layer, reduction, found) for layer in run.layers for found in done[layer].sweeps]
        write_frames(sweep_tables(sweeps), run.path / "sweep.parquet")
        write_frame(selection_table(sweeps), run.path / "selection.csv")


def _are_there(run: Run, names: Iterable[str]) -> bool:
    return all((run.path / name).exists() for name in names)


def _write_grid(run: Run, results: list[CellResult]) -> None:
    per_phone = pl.concat(
        r.separability.per_phone.select(*(pl.lit(v).alias(k) for k, v in asdict(r.cell).items()), pl.all())
        for r in results
    )
    write_frames(cluster_tables(results), run.path / "clusters.parquet")
    write_frame(per_phone, run.path / "per_phone.csv")
    write_frame(scores_table(results), run.path / "scores.csv")


@dataclass(frozen=True)
class _Layer:
    """What came out of a layer, and how many steps of the progress have been told of already."""

    layer: str
    cells: list[CellResult]
    sweeps: list[Sweep]
    told: int


def _layers(
    run: Run,
    phones: list[str],
    settings: Settings,
    numbers: tuple[int, list[int]],
    advance: Callable[[int], None],
    workers: Workers | None,
) -> Iterable[_Layer]:
    """Cluster all layers: each with all threads, or of a panel of the usual size several at a time in processes.

    Of `workers` each takes a layer at a time.

    Of 3,300 samples much of the work is too small to be shared out: two layers at a time take little more than half as
    long as one after the other. Of many samples it is not, and one layer at a time takes less memory.
    """
    threads = numba.get_num_threads()
    processes = 1
    if _WORTH_A_PROCESS <= len(phones) <= _ONE_AT_A_TIME:
        processes = min(threads, len(run.layers), at_a_time(len(phones), settings.clustering.memory))
    if workers is None and processes == 1:
        for layer in run.layers:
            told: list[int] = []

            def tell(steps: int, told: list[int] = told) -> None:
                told.append(steps)
                advance(steps)

            cells, sweeps = _layer(run, layer, phones, settings, numbers, tell)
            yield _Layer(layer, cells, sweeps, sum(told))
        return

    def lent(layer: str) -> Lent:
        return Lent.of(run.path, _of_layer(layer))

    work = workers or Processes(processes, max(threads // processes, 1))
    shared = phones, settings, numbers
    for _, found in work.map(_layer_apart, run.layers, shared=shared, whole=True, lent=lent, name="layer {}".format):
        yield found


def _of_layer(layer: str) -> tuple[str, ...]:
    """Name the files that a layer is clustered from, those that an interrupted run has left of it, and the tables."""
    return (
        "activations/layers.json",
        f"activations/{layer}.npy",
        f"embeddings/{layer}-*",
        f"{_CELLS}/{layer}-*.npz",
        *_GRID,
        *_SWEEPS,
    )


def _layer_apart(
    layer: str, folder: Path, phones: list[str], settings: Settings, numbers: tuple[int, list[int]]
) -> _Layer:
    return _Layer(layer, *_layer(Run(folder), layer, phones, settings, numbers, lambda _steps: None), 0)


def _layer(
    run: Run,
    layer: str,
    phones: list[str],
    settings: Settings,
    numbers: tuple[int, list[int]],
    advance: Callable[[int], None],
) -> tuple[list[CellResult], list[Sweep]]:
    """Reduce and cluster a layer; what several clusterings need of its samples is computed once.

    Only what the tables that are missing need, and what an interrupted run has not kept, is computed.
    """
    k, ks = numbers
    cells: list[CellResult] = []
    sweeps: list[Sweep] = []
    kept = Kept(run.path / _CELLS, kept_with(settings, len(phones)))
    grid, curves = (not _are_there(run, names) for names in (_GRID, _SWEEPS))
    reductions = _Reductions(run, layer, settings)
    for reduction in REDUCTIONS:
        wanted: list[Cell | Clusterer] = []
        for clusterer in CLUSTERERS:
            wanted += [Cell(layer, reduction, clusterer, k, seed) for seed in grid_seeds(settings)] if grid else []
            wanted += [clusterer] if curves and reduction == settings.selection.reduction else []
        found = {one: find_result(kept, layer, one, phones) for one in wanted}
        if None in found.values():
            X, products = reductions.take(reduction)
            swept = reduction == settings.selection.reduction
            most = min(max(k, ks[-1] + 1 if swept else k), len(X))
            embedding = embed_with(settings.clustering, X, most, settings.seed, products=products, keep_affinity=swept)
        for one, known in found.items():
            if isinstance(known, Sweep):
                sweeps.append(known)
            elif known is not None:
                cells.append(known)
            elif isinstance(one, Cell):
                result = run_cell(X, phones, one, settings.clustering, embedding)
                result.details.update(reductions.figures(reduction))
                cells.append(keep_cell(kept, result))
                advance(1)
            else:
                result_of = sweep(
                    X,
                    one,
                    ks,
                    clustering=settings.clustering,
                    selection=settings.selection,
                    seed=settings.seed,
                    embedding=embedding,
                    progress=advance,
                )
                sweeps.append(keep_sweep(kept, layer, result_of))
    reductions.make()
    return cells, sweeps


def _embeddings(run: Run, layer: str) -> dict[Reduction, tuple[Path, Path]]:
    """Return the two files of each reduction: the embedding and its figures, which are written last."""
    folder = run.path / "embeddings"
    names: tuple[Reduction, ...] = ("pca", "tsne")
    return {name: (folder / f"{layer}-{name}.npy", folder / f"{layer}-{name}.json") for name in names}


class _Reductions:
    """The reductions of a layer: read from the files where an interrupted run has left them, else made and written."""

    def __init__(self, run: Run, layer: str, settings: Settings) -> None:
        self._activations, self._settings = run.activations(layer), settings
        self._files = _embeddings(run, layer)
        self._products: NDArray[np.float64] | None = None

    def make(self) -> None:
        """Make those that are missing."""
        config, memory, seed = self._settings.reduction, self._settings.clustering.memory, self._settings.seed
        if not all(path.exists() for path in self._files["pca"]):
            self._products = self._product_of_all()
            self._write("pca", *reduce_by_pca(self._activations, config, self._products, memory))
        if not all(path.exists() for path in self._files["tsne"]):
            self._write("tsne", *reduce_by_tsne(np.load(self._files["pca"][0]), config, seed, memory))

    def _product_of_all(self) -> NDArray[np.float64] | None:
        """Return the product of all samples where both PCA and exact affinities need it."""
        (n, width), c = self._activations.shape, self._settings.clustering
        both = n < width and plan(n, width, sigma=c.sigma, method=c.spectral, memory=c.memory) == "exact"
        return centred_products(self._activations) if both else None

    def take(self, reduction: Reduction) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return a reduction; with the activations themselves the product of all samples, where PCA needs it too."""
        self.make()
        products, self._products = self._products, None
        if reduction == "none":
            # where PCA is there from before, affinities shall have the last digits of those that share its product
            return self._activations, self._product_of_all() if products is None else products
        return np.load(self._files[reduction][0]), None

    def figures(self, reduction: Reduction) -> dict[str, float]:
        """Return what describes a reduction."""
        if reduction == "none":
            return {}
        found: dict[str, float] = json.loads(self._files[reduction][1].read_text(encoding="utf-8"))
        return found

    def _write(self, reduction: Reduction, embedding: NDArray[np.float32], figures: dict[str, float]) -> None:
        self._files[reduction][0].parent.mkdir(exist_ok=True)
        with written_whole(self._files[reduction]) as (array, description):
            np.save(array, embedding)
            description.write_text(json.dumps(figures))
