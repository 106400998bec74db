# ruff: noqa: INP001 - a script, not a package
"""What the engine's own choices give, one against the other: bounds, medians, warm starts, symmetric repulsion.

``python benchmarks/choices.py --run runs/demo`` prints tables in Markdown. One thread, least time of three.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numba
import numpy as np
from tables import number, table

from phonoscope import Run
from phonoscope.clustering import lloyd as module
from phonoscope.clustering.growing import kmedians_at
from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.lloyd import lloyd
from phonoscope.clustering.medians import fill_medians, grouped
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.pca import pca
from phonoscope.settings import ClusteringSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_LAYERS = ("mp2", "D1", "D3")
_K = 33
_MOVED = 0.02


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the least time of some calls, after one that is not timed."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def medians(X: NDArray[np.float32]) -> list[str]:
    """Compare 33 clusters' medians with NumPy's, from those before a fiftieth of the samples moved or from nowhere."""
    random = np.random.default_rng(0)
    labels = random.integers(0, _K, len(X))
    before = np.where(random.random(len(X)) < _MOVED, random.integers(0, _K, len(X)), labels)
    every = np.arange(_K)

    def fill(labels: NDArray[np.int64], guess: NDArray[np.float32]) -> NDArray[np.float32]:
        centres = guess.copy()
        fill_medians(X, np.empty(0), *grouped(labels, _K), every, centres)
        return centres

    nowhere = np.full((_K, X.shape[1]), 1e9, np.float32)
    guess = fill(before, nowhere)
    near, far = seconds(lambda: fill(labels, guess)), seconds(lambda: fill(labels, nowhere))
    numpy = seconds(lambda: [np.median(X[labels == c], axis=0) for c in range(_K)])
    return [number(near), number(far), number(numpy), f"{numpy / near:.1f} ×", f"{numpy / far:.1f} ×"]


def bounds(X: NDArray[np.float32]) -> list[str]:
    """Compare a fit with bounds, and one that computes every distance."""
    start = X[np.random.default_rng(0).choice(len(X), _K, replace=False)]
    bounded = seconds(lambda: lloyd(X, start, 100))
    kept = module._BOUNDS  # noqa: SLF001 - a switch for this measurement only
    module._BOUNDS = 0  # noqa: SLF001
    try:
        plain = seconds(lambda: lloyd(X, start, 100))
    finally:
        module._BOUNDS = kept  # noqa: SLF001
    return [number(bounded), number(plain), f"{plain / bounded:.2f} ×"]


def warm_starts(X: NDArray[np.float32]) -> list[str]:
    """Compare a sweep that grows centres with one that starts anew at every k: seconds, and cost."""
    ks = range(2, _K + 1)
    grown = seconds(lambda: list(kmedians_at(X, ks, ClusteringSettings(), 0)), 2)
    anew = seconds(lambda: [KMedians(k, random_state=0).fit(X) for k in ks], 2)
    ratios = [
        found.cost / KMedians(k, random_state=seed).fit(X).inertia_
        for seed in range(3)
        for k, found in zip(ks, kmedians_at(X, ks, ClusteringSettings(), seed), strict=True)
    ]
    return [number(grown), number(anew), f"{anew / grown:.1f} ×", f"{np.mean(ratios):.4f}"]


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"), help="a finished run (default: runs/demo)")
    run = Run(parser.parse_args().run)
    if not (run.path / "activations" / "layers.json").exists():
        sys.stderr.write(f"{run.path} is no finished run: make it by `make demo`, or name one by --run.\n")
        return 2
    numba.set_num_threads(1)
    with one_blas_thread():
        layers = {name: np.array(run.activations(name)) for name in _LAYERS}
        reduced = {f"{name}, PCA": pca(X, 0.9).scores for name, X in layers.items()}
        for title, head, measure, data in (
            (
                "Medians of 33 clusters",
                ["from those before, s", "from far away, s", "np.median, s", "ratio", "ratio"],
                medians,
                {**layers, **reduced},
            ),
            ("One fit, k = 33", ["bounds, s", "all distances, s", "ratio"], bounds, {**layers, **reduced}),
            (
                "Sweep k = 2 to 33",
                ["two grown starts, s", "a new start, s", "ratio", "cost"],
                warm_starts,
                reduced,
            ),
        ):
            rows = [[f"{name} ({X.shape[1]:,})", *measure(X)] for name, X in data.items()]
            sys.stdout.write(f"{title}\n\n{table(['layer', *head], rows)}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
