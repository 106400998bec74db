# ruff: noqa: INP001 - a script's part, not a package
"""The whole grid of a run and its sweeps, against the same composed of scikit-learn and SciPy.

A measurement is a layer on this side, and one part of a layer on the other: what is done stays done.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import straightforward
from measuring import OURS, Options, Record, Side, head, once, shape
from quality import kl_divergence
from tables import Claim, comparison, together
from tsne import KL, perplexity

from phonoscope.clustering.selection import sweep
from phonoscope.evaluation.grid import CLUSTERERS, REDUCTIONS, Cell, Clusterer, Reduction, run_cell
from phonoscope.evaluation.separability import separability
from phonoscope.files import written_whole
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE
from phonoscope.settings import ClusteringSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from tables import Records

    Embeddings = dict[str, NDArray[np.float32]]

COMPOSED = "composition"
_VARIANCE = 0.9
_SECONDS = 100
EMBEDDINGS = ("none", "pca", "tsne2", "tsne3")
REDUCING = ("PCA", "t-SNE 2-D", "t-SNE 3-D")
_CELLS = {clusterer: f"{clusterer} cells" for clusterer in CLUSTERERS}
_SWEEPS = {(c, r): f"{c} sweep, {r}" for c in CLUSTERERS for r in REDUCTIONS}
PARTS = (*REDUCING, *_CELLS.values(), *_SWEEPS.values())
_OF_A_RUN = {part for part in PARTS if part not in {_SWEEPS[c, r] for c in CLUSTERERS for r in ("none", "tsne")}}


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    found: dict[str, Callable[[], Record]] = {}
    for layer in options.layers:
        found[f"grid.phonoscope.{layer}"] = partial(our_case, options, layer)
        for part in PARTS:
            name = part.replace(", ", "-").replace(" ", "-")
            found[f"grid.composition.{layer}.{name}"] = partial(composed_case, options, layer, part)
    return found


def _f_measure(phones: Sequence[str], clusterings: Iterable[straightforward.Labels]) -> dict[str, float]:
    return {"F": float(np.mean([separability(phones, labels).f_measure for labels in clusterings]))}


def _quality(name: str, source: straightforward.Floats, embedding: straightforward.Floats) -> dict[str, float]:
    """Measure an embedding: how many components, or the divergence in 2-D; in 3-D scikit-learn's is another one."""
    if name == "pca":
        return {"components": embedding.shape[1]}
    return {KL: kl_divergence(source, embedding, perplexity(source))} if name == "tsne2" else {}


def ours(X: NDArray[np.float32], phones: Sequence[str], options: Options) -> dict[str, Side]:
    """Do a layer's part of the grid and its sweeps by the library; return each part's figures."""
    p = perplexity(X)
    components = once(lambda: pca(X, _VARIANCE).scores)
    scores = components.result
    embeddings: Embeddings = {"none": X, "pca": scores}
    sides = {REDUCING[0]: components.side(_quality("pca", X, scores))}
    for dimensions, part in zip((2, 3), REDUCING[1:], strict=True):
        tsne = TSNE(dimensions, perplexity=p, random_state=0)
        embedding = once(partial(tsne.fit_transform, scores))
        embeddings[f"tsne{dimensions}"] = embedding.result
        sides[part] = embedding.side(_quality(f"tsne{dimensions}", scores, embedding.result))
    reductions: dict[Reduction, NDArray[np.float32]] = {"none": X, "pca": scores, "tsne": embeddings["tsne2"]}
    for clusterer in CLUSTERERS:
        cells = once(partial(_our_cells, embeddings, phones, clusterer, options.k))
        sides[_CELLS[clusterer]] = cells.side(_f_measure(phones, cells.result))
        for reduction, data in reductions.items():
            swept = once(partial(sweep, data, clusterer, options.ks, criteria=["ratio"]))
            sides[_SWEEPS[clusterer, reduction]] = swept.side(_f_measure(phones, swept.result.labels))
    return sides


def _our_cells(
    embeddings: Embeddings, phones: Sequence[str], clusterer: Clusterer, k: int
) -> list[straightforward.Labels]:
    settings = ClusteringSettings()
    cell = Cell("", "none", clusterer, k, 0)
    return [run_cell(X, phones, cell, settings).labels for X in embeddings.values()]


def our_case(options: Options, layer: str) -> Record:
    """Measure this side on a layer."""
    X, phones = options.activations(layer), options.phones()
    some = head(X)
    ours(some, phones[: len(some)], options)
    return Record(shape(layer, X), ours(X, phones, options))


def composed_case(options: Options, layer: str, part: str) -> Record:
    """Measure one part of a layer on the other side; what it needs of earlier parts is read, or made untimed."""
    X, phones = options.activations(layer), options.phones()
    if part in REDUCING:
        name = EMBEDDINGS[1 + REDUCING.index(part)]
        source = X if name == "pca" else _embedding(options, layer, "pca", X)
        measured = once(lambda: _reduce(name, source))
        _keep(options, layer, name, measured.result)
        return Record(shape(layer, X), {part: measured.side(_quality(name, source, measured.result))})
    work: Callable[[], list[straightforward.Labels]]
    for clusterer in CLUSTERERS:
        if part == _CELLS[clusterer]:
            inputs = [_embedding(options, layer, name, X) for name in EMBEDDINGS]
            work = partial(_composed_cells, inputs, clusterer, options.k)
        for reduction in REDUCTIONS:
            if part == _SWEEPS[clusterer, reduction]:
                data = _embedding(options, layer, "tsne2" if reduction == "tsne" else reduction, X)
                work = partial(_composed_sweep, data, clusterer, options.ks)
    clusterings = once(work)
    return Record(shape(layer, X), {part: clusterings.side(_f_measure(phones, clusterings.result))})


def _reduce(name: str, source: straightforward.Floats) -> straightforward.Floats:
    if name == "pca":
        return straightforward.pca(source, _VARIANCE, "auto")[0]
    return straightforward.tsne(source, int(name[-1]), perplexity(source))


def _composed_cells(
    inputs: Iterable[straightforward.Floats], clusterer: Clusterer, k: int
) -> list[straightforward.Labels]:
    if clusterer == "kmedians":
        return [straightforward.kmedians(data, k).labels for data in inputs]
    return [straightforward.spectral(data, k, straightforward.sigma(data)).labels_ for data in inputs]


def _composed_sweep(data: straightforward.Floats, clusterer: Clusterer, ks: range) -> list[straightforward.Labels]:
    if clusterer == "kmedians":
        return [found.labels for found, _ in straightforward.sweep_kmedians(data, ks)]
    return [labels for labels, _ in straightforward.sweep_spectral(data, ks)]


def _keep(options: Options, layer: str, name: str, embedding: straightforward.Floats) -> None:
    options.work.mkdir(parents=True, exist_ok=True)
    with written_whole([options.work / f"{layer}-{name}.npy"]) as (path,):
        np.save(path, embedding)


def _embedding(options: Options, layer: str, name: str, X: straightforward.Floats) -> straightforward.Floats:
    if name == "none":
        return X
    path = options.work / f"{layer}-{name}.npy"
    if not path.exists():
        source = X if name == "pca" else _embedding(options, layer, "pca", X)
        _keep(options, layer, name, _reduce(name, source))
    return np.asarray(np.load(path))


def _summed(sides: Sequence[Mapping[str, Side]], parts: Sequence[str]) -> Side:
    """Return all layers' figures of some parts: seconds add up, of several parts' qualities F is the mean."""
    chosen = [layer[part] for part in parts for layer in sides]
    whole = together(chosen)
    measured = whole if len(parts) == 1 else together([side for side in chosen if "F" in side.quality])
    return Side(whole.seconds, whole.memory, whole.resident, measured.quality)


def page(records: Records, options: Options) -> str:
    """Return the tables: of the layers that are measured whole on both sides."""
    both: list[dict[str, Mapping[str, Side]]] = []
    for layer in options.layers:
        own = records.get(f"grid.phonoscope.{layer}")
        other = {
            part: side
            for name, record in records.items()
            if name.startswith(f"grid.composition.{layer}.")
            for part, side in record.sides.items()
        }
        if own and set(other) >= set(PARTS):
            both.append({OURS: own.sides, COMPOSED: other})
    rows = [(part, _row(both, [part])) for part in PARTS] if both else []
    totals = [
        (what, _row(both, parts))
        for what, parts in (
            ("all, of the sweeps those on PCA only: what a run does by default", [p for p in PARTS if p in _OF_A_RUN]),
            ("all", PARTS),
        )
        if both
    ]
    claim = Claim(
        20,
        f"≥ 20 ×, phonoscope < {_SECONDS} s",
        lambda own, _other: own.seconds is not None and own.seconds < _SECONDS,
    )
    return "\n".join(
        [
            "## The whole grid\n",
            (
                "For each layer: PCA, t-SNE in 2-D and in 3-D, both clusterers in all four embeddings (the layer "
                f"itself is *none*) at k = {options.k}, and sweeps over k = {options.ks[0]} to {options.ks[-1]} with "
                "the paper's criterion. The composition is scikit-learn's PCA, t-SNE and spectral clustering, the "
                "latter refitted for every k, and for k-medians a loop of SciPy's cdist and np.median, started anew "
                "for every k. *F* is the mean F-measure against the phones, *KL* that of the section on t-SNE. A run "
                "by default also does no t-SNE in 3-D, and measures more criteria than the paper's.\n"
            ),
            comparison("part", totals, {COMPOSED: claim}),
            comparison("part", rows, {COMPOSED: None}),
        ]
    )


def _row(both: Sequence[Mapping[str, Mapping[str, Side]]], parts: Sequence[str]) -> Record:
    sides = {name: _summed([layer[name] for layer in both], parts) for name in (OURS, COMPOSED)}
    return Record("1 layer" if len(both) == 1 else f"{len(both)} layers", sides)
