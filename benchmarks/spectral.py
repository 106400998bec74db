# ruff: noqa: INP001 - a script's part, not a package
"""Spectral clustering against scikit-learn's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import straightforward
from measuring import OURS, Options, Record, head, in_turn, shape
from tables import Claim, comparison, with_total

from phonoscope.clustering.selection import sweep as our_sweep
from phonoscope.clustering.spectral import SpectralClustering
from phonoscope.evaluation.separability import separability
from phonoscope.reduction.pca import pca

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tables import Records

    Labels = straightforward.Labels

SKLEARN = "scikit-learn"


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    return {
        f"spectral.{name}.{layer}": partial(measure, options, layer)
        for name, measure in (("single", single), ("sweep", sweep))
        for layer in options.some_layers
    }


def _f_measure(options: Options, clusterings: Iterable[Labels]) -> dict[str, float]:
    phones = options.phones()
    return {"F": float(np.mean([separability(phones, labels).f_measure for labels in clusterings]))}


def single(options: Options, layer: str) -> Record:
    """Measure one fit, with the same width of the affinity."""
    X = options.activations(layer)
    SpectralClustering(options.k, random_state=0).fit(head(X))
    width = SpectralClustering(options.k, random_state=0).fit(X).sigma_

    def ours() -> Labels:
        return np.asarray(SpectralClustering(options.k, random_state=0).fit(X).labels_)

    def theirs() -> Labels:
        return np.asarray(straightforward.spectral(X, options.k, width).labels_)

    found = in_turn({OURS: ours, SKLEARN: theirs})
    return Record(shape(layer, X), {name: m.side(_f_measure(options, [m.result])) for name, m in found.items()})


def sweep(options: Options, layer: str) -> Record:
    """Measure all numbers of clusters on a layer after PCA, with the paper's criterion at each."""
    X = pca(options.activations(layer), 0.9).scores
    our_sweep(head(X), "spectral", options.ks, criteria=["ratio"])

    def ours() -> list[Labels]:
        return list(our_sweep(X, "spectral", options.ks, criteria=["ratio"]).labels)

    def theirs() -> list[Labels]:
        return [labels for labels, _ in straightforward.sweep_spectral(X, options.ks)]

    found = in_turn({OURS: ours, SKLEARN: theirs})
    sides = {name: m.side(_f_measure(options, m.result)) for name, m in found.items()}
    return Record(shape(f"{layer}, PCA", X), sides)


def page(records: Records, options: Options) -> str:
    """Return the tables."""
    k, ks = options.k, options.ks
    rows = {
        part: [(what, r) for name, r in records.items() if name.startswith(f"spectral.{part}.")]
        for part, what in (("single", f"one fit, k = {k}"), ("sweep", f"k = {ks[0]} to {ks[-1]}"))
    }
    return "\n".join(
        [
            "## Spectral clustering\n",
            (
                "The same width of the affinity, and ten starts of k-means, on both sides; scikit-learn's is "
                "another variant (affinities of 1 on the diagonal, rows not scaled to unit length) and is refitted "
                "for every k. Both sides measure the paper's criterion at every k. *F* is the F-measure against the "
                "phones, in the sweep its mean over k.\n"
            ),
            comparison("measurement", with_total(rows["single"], "all"), {SKLEARN: Claim(3, "≥ 3 ×")}),
            comparison("measurement", with_total(rows["sweep"], "all"), {SKLEARN: Claim(15, "≥ 15 ×")}),
        ]
    )
