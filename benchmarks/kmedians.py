# ruff: noqa: INP001 - a script's part, not a package
"""k-medians against a loop of SciPy's ``cdist`` and ``np.median``, and against pyclustering."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import straightforward
from measuring import OURS, Measured, Options, Record, Side, head, in_turn, once, shape
from quality import manhattan_cost
from tables import Claim, comparison, merged, with_total

from phonoscope.clustering.growing import kmedians_at
from phonoscope.clustering.kmedians import KMedians
from phonoscope.reduction.pca import pca
from phonoscope.settings import ClusteringSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tables import Records

LOOP = "SciPy loop"
PYCLUSTERING = "pyclustering"
_WIDE, _DENSE = "conv1", "D3"
_SAME = 1e-5
_COST, _MEAN_COST = "cost", "mean cost"


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    there = [name for name in (_DENSE, _WIDE) if name in options.all_layers] or options.all_layers[-1:]
    named = options.asked(there)
    return {
        f"kmedians.{name}.{layer}": partial(measure, options, layer)
        for name, measure, layers in (
            ("single", single, named),
            ("pyclustering", pyclustering, options.asked(there[:1])),
            ("sweep", sweep, options.some_layers),
        )
        for layer in layers
    }


def _start(options: Options, layer: str) -> tuple[straightforward.Floats, straightforward.Floats]:
    """Return a layer and the centres from which both sides start: random samples."""
    X = options.activations(layer)
    return X, X[np.random.default_rng(0).choice(len(X), options.k, replace=False)]


def single(options: Options, layer: str) -> Record:
    """Measure one fit from the same centres."""
    X, start = _start(options, layer)
    KMedians(options.k, init=start).fit(head(X))

    def ours() -> KMedians:
        return KMedians(options.k, init=start).fit(X)

    found: Mapping[str, Measured[KMedians | straightforward.Clustering]] = in_turn(
        {OURS: ours, LOOP: lambda: straightforward.lloyd(X, start)}
    )
    sides = {}
    for name, measured in found.items():
        result = measured.result
        centres = result.cluster_centers_ if isinstance(result, KMedians) else result.centres
        iterations = result.n_iter_ if isinstance(result, KMedians) else result.iterations
        sides[name] = measured.side({_COST: manhattan_cost(X, centres), "iterations": iterations})
    return Record(shape(layer, X), sides)


def pyclustering(options: Options, layer: str) -> Record:
    """Measure pyclustering's fit from the same centres, where it runs."""
    X, start = _start(options, layer)
    try:
        straightforward.pyclustering_kmedians(head(X, 50), start[:2])
        measured = once(lambda: straightforward.pyclustering_kmedians(X, start))
    except Exception as error:  # noqa: BLE001 - whatever a library no longer kept up stumbles over
        return Record(shape(layer, X), {PYCLUSTERING: Side(note=f"does not run here: {error}")})
    return Record(shape(layer, X), {PYCLUSTERING: measured.side({_COST: manhattan_cost(X, measured.result)})})


def sweep(options: Options, layer: str) -> Record:
    """Measure all numbers of clusters on a layer after PCA."""
    X = pca(options.activations(layer), 0.9).scores
    settings = ClusteringSettings()
    list(kmedians_at(head(X), options.ks, settings, 0))

    def ours() -> list[straightforward.Floats]:
        return [found.centres for found in kmedians_at(X, options.ks, settings, 0)]

    def loop() -> list[straightforward.Floats]:
        return [straightforward.kmedians(X, k).centres for k in options.ks]

    found = in_turn({OURS: ours, LOOP: loop})
    costs = {name: np.array([manhattan_cost(X, c) for c in measured.result]) for name, measured in found.items()}
    relative = {name: {_MEAN_COST: float((cost / costs[LOOP]).mean())} for name, cost in costs.items()}
    return Record(shape(f"{layer}, PCA", X), {name: measured.side(relative[name]) for name, measured in found.items()})


def page(records: Records, options: Options) -> str:
    """Return the tables."""
    k, ks = options.k, options.ks
    singles = []
    for name in records:
        if name.startswith("kmedians.single."):
            parts = (name, name.replace(".single.", ".pyclustering."))
            whole = merged(records[part] for part in parts if part in records)
            singles += [(f"one fit, k = {k}", whole)] if whole else []
    sweeps = [(f"k = {ks[0]} to {ks[-1]}", r) for name, r in records.items() if name.startswith("kmedians.sweep.")]

    def same(ours: Side, theirs: Side) -> bool:
        return abs(ours.quality[_COST] / theirs.quality[_COST] - 1) <= _SAME

    def no_higher(ours: Side, theirs: Side) -> bool:
        return ours.quality[_MEAN_COST] <= theirs.quality[_MEAN_COST]

    single_claims = {LOOP: Claim(10, "≥ 10 ×, the same cost", same), PYCLUSTERING: None}
    better = Claim(15, "≥ 15 ×, no higher cost", no_higher)
    return "\n".join(
        [
            "## k-medians\n",
            (
                "One fit of both sides starts from the same centres. In the sweep the loop starts anew at each k, "
                "from a run on a random tenth of the samples; phonoscope twice from the centres of the k before and "
                "one sample more, and keeps the better fit. *cost* is the sum of the Manhattan distances to "
                "the nearest centres, *mean cost* its ratio to the loop's, mean over k.\n"
            ),
            comparison("measurement", singles, single_claims),
            comparison("measurement", with_total(sweeps, "all"), {LOOP: better}),
        ]
    )
