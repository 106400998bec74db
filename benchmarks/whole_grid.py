# ruff: noqa: INP001 - a script's part, not a package
"""The whole grid of a run and its sweeps, against the same composed of scikit-learn and SciPy.

On this side all layers are one measurement, done as a run does them: several at a time, each in a process. On the other
one part of a layer is one: what is done stays done.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numba
import numpy as np
import straightforward
from joblib import Parallel, delayed
from measuring import OURS, Options, Record, Side, cores, head, once, shape
from quality import kl_divergence
from tables import Claim, comparison, together
from tsne import KL, perplexity

from phonoscope.clustering.kmedians import KMedians
from phonoscope.clustering.measuring import embed_with, labels_of
from phonoscope.clustering.selection import sweep
from phonoscope.evaluation.grid import CLUSTERERS, Clusterer
from phonoscope.evaluation.separability import separability
from phonoscope.files import written_whole
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.distances import centred_products
from phonoscope.reduction.neighbourhoods import affinities
from phonoscope.reduction.pca import pca
from phonoscope.reduction.tsne import TSNE
from phonoscope.settings import ClusteringSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from tables import Records

    from phonoscope.clustering.embedding import Embedding
    from phonoscope.reduction.neighbourhoods import Affinities

    Embeddings = dict[str, NDArray[np.float32]]

COMPOSED = "composition"
_VARIANCE = 0.9
_SECONDS = 100
EMBEDDINGS = ("none", "pca", "tsne2", "tsne3")
REDUCING = ("PCA", "t-SNE 2-D", "t-SNE 3-D")
_CELLS = {clusterer: f"{clusterer} cells" for clusterer in CLUSTERERS}
_SWEPT = "pca"
_SWEEPS = {clusterer: f"{clusterer} sweep" for clusterer in CLUSTERERS}
PARTS = (*REDUCING, *_CELLS.values(), *_SWEEPS.values())
_WALL = "all layers"
_OWN = "grid.phonoscope"


def cases(options: Options) -> dict[str, Callable[[], Record]]:
    """List the measurements."""
    found: dict[str, Callable[[], Record]] = {}
    found[_OWN] = partial(our_case, options, options.layers)
    for layer in options.layers:
        for part in PARTS:
            name = part.replace(" ", "-")
            found[f"grid.composition.{layer}.{name}"] = partial(composed_case, options, layer, part)
    return found


def _f_measure(phones: Sequence[str], clusterings: Iterable[straightforward.Labels]) -> dict[str, float]:
    return {"F": float(np.mean([separability(phones, labels).f_measure for labels in clusterings]))}


def _quality(name: str, source: straightforward.Floats, embedding: straightforward.Floats) -> dict[str, float]:
    """Measure an embedding: how many components, or the divergence in 2-D; in 3-D scikit-learn's is another one."""
    if name == "pca":
        return {"components": embedding.shape[1]}
    return {KL: kl_divergence(source, embedding, perplexity(source))} if name == "tsne2" else {}


def ours(X: NDArray[np.float32], phones: Sequence[str], options: Options) -> tuple[dict[str, Side], Embeddings]:
    """Do a layer's part of the grid and its sweeps by the library; return each part's figures, and the embeddings.

    As in `phonoscope.analysis`, one product serves PCA and the affinity, one decomposition a cell and the sweep;
    and the neighbourhoods of t-SNE serve both embeddings.
    """
    p, k, ks, settings = perplexity(X), options.k, options.ks, ClusteringSettings()

    def reduce() -> tuple[NDArray[np.float64] | None, NDArray[np.float32]]:
        products = centred_products(X) if X.shape[1] > len(X) else None
        return products, pca(X, _VARIANCE, products=products).scores

    components = once(reduce)
    products, scores = components.result
    embeddings: Embeddings = {"none": X, "pca": scores}
    sides = {REDUCING[0]: components.side(_quality("pca", X, scores))}

    def plane() -> tuple[Affinities, NDArray[np.float32]]:
        P = affinities(scores, p)  # for both embeddings
        return P, TSNE(2, perplexity=p, random_state=0).fit_transform(scores, affinities=P)

    in_plane = once(plane)
    P, embeddings["tsne2"] = in_plane.result
    in_space = once(lambda: TSNE(3, perplexity=p, random_state=0).fit_transform(scores, affinities=P))
    embeddings["tsne3"] = in_space.result
    sides |= {REDUCING[1]: in_plane.side({}), REDUCING[2]: in_space.side({})}

    def medians() -> list[straightforward.Labels]:
        return [KMedians(k, random_state=0).fit(data).labels_ for data in embeddings.values()]

    def spectral() -> tuple[Embedding, list[straightforward.Labels]]:
        placed = {
            name: embed_with(
                settings,
                data,
                k + (name == _SWEPT),
                0,
                products=None if products is None or name != "none" else products.copy(),
                keep_affinity=name == _SWEPT,
            )
            for name, data in embeddings.items()
        }
        return placed[_SWEPT], [labels_of(found, k, 0) for found in placed.values()]

    by_medians, by_eigenvectors = once(medians), once(spectral)
    placed, labels = by_eigenvectors.result
    sides[_CELLS["kmedians"]] = by_medians.side(_f_measure(phones, by_medians.result))
    sides[_CELLS["spectral"]] = by_eigenvectors.side(_f_measure(phones, labels))
    for clusterer in CLUSTERERS:
        swept = once(partial(sweep, scores, clusterer, ks, criteria=["ratio"], embedding=placed))
        sides[_SWEEPS[clusterer]] = swept.side(_f_measure(phones, swept.result.labels))
    return sides, embeddings


def _apart(options: Options, layer: str) -> tuple[dict[str, Side], Embeddings]:
    """Do a layer in this process, with one thread."""
    numba.set_num_threads(1)
    with one_blas_thread():
        sides, embeddings = ours(options.activations(layer), options.phones(), options)
    return sides, {name: embeddings[name] for name in ("pca", "tsne2")}  # what is measured later, and no more


def _warm(options: Options, layer: str) -> None:
    """Load the libraries and the kernels into this process."""
    numba.set_num_threads(1)
    some = head(options.activations(layer))
    ours(some, options.phones()[: len(some)], options)


def our_case(options: Options, names: Sequence[str]) -> Record:
    """Measure this side on some layers."""
    work = Parallel(min(cores(), len(names)), batch_size=1, pre_dispatch=cores())
    # neither side's imports are timed, nor compilation
    work(delayed(_warm)(options, layer) for layer in names)
    start = time.perf_counter()
    layers = dict(zip(names, work(delayed(_apart)(options, layer) for layer in names), strict=True))
    sides = {_WALL: Side(time.perf_counter() - start)}
    for layer, (parts, embeddings) in layers.items():
        for part, side in parts.items():
            sides[f"{layer}|{part}"] = side
        name = f"{layer}|{REDUCING[1]}"
        sides[name] = replace(sides[name], quality=_quality("tsne2", embeddings["pca"], embeddings["tsne2"]))
    return Record(f"{len(layers)} layers", sides)


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
        if part == _SWEEPS[clusterer]:
            work = partial(_composed_sweep, _embedding(options, layer, _SWEPT, X), clusterer, options.ks)
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
    own = records[_OWN].sides if _OWN in records else {}
    both: list[tuple[Mapping[str, Side], Mapping[str, Side]]] = []
    for layer in options.layers:
        our_parts = {part: own[f"{layer}|{part}"] for part in PARTS if f"{layer}|{part}" in own}
        start = f"grid.composition.{layer}."
        other = {part: side for name, r in records.items() if name.startswith(start) for part, side in r.sides.items()}
        if set(our_parts) >= set(PARTS) <= set(other):
            both.append((our_parts, other))
    rows = [(part, _row(both, [part])) for part in PARTS] if both else []
    totals = []
    if both and len(both) * len(PARTS) == len(own) - 1:  # the time of all layers side by side is that of all or none
        whole = _row(both, PARTS)
        ours = whole.sides[OURS]
        sides = {**whole.sides, OURS: Side(own[_WALL].seconds, None, None, ours.quality)}
        totals = [("the whole grid, from the clock", Record(whole.on, sides))]
    claim = Claim(20, f"≥ 20 ×, < {_SECONDS} s", lambda ours, _theirs: (ours.seconds or _SECONDS) < _SECONDS)
    return "\n".join(
        [
            "## The whole grid\n",
            (
                "For each layer: PCA, t-SNE in 2-D and in 3-D, both clusterers in all four embeddings (the layer "
                f"itself is one) at k = {options.k}, and sweeps over k = {options.ks[0]} to {options.ks[-1]} after PCA "
                "with the paper's criterion, as a run has them by default. The composition is scikit-learn's PCA, "
                "t-SNE and spectral clustering, the latter refitted for every k, and for k-medians a loop of SciPy's "
                "cdist and np.median, started anew for every k; each uses all cores where its libraries do. phonoscope "
                "does as many layers at a time as there are cores, each on one: a part's seconds are the sum over the "
                "layers, which run side by side, so that the whole takes less than the sum of its parts. Of these "
                "are wanted: PCA 3 times as fast, t-SNE 6 times in the plane and 20 times in space, cells of k-medians "
                "10 times and of spectral clustering 3 times, sweeps 15 times. *F* is the "
                "mean F-measure against the phones, *KL* that of the section on t-SNE. A run does no t-SNE in 3-D by "
                "default, and measures more criteria than the paper's.\n"
            ),
            comparison("part", totals, {COMPOSED: claim}),
            comparison("part", rows, {COMPOSED: None}),
        ]
    )


def _row(both: Sequence[tuple[Mapping[str, Side], Mapping[str, Side]]], parts: Sequence[str]) -> Record:
    sides = {name: _summed([layer[i] for layer in both], parts) for i, name in enumerate((OURS, COMPOSED))}
    return Record("1 layer" if len(both) == 1 else f"{len(both)} layers", sides)
