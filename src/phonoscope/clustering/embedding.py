"""Samples on the leading eigenvectors of their affinity, by whichever method the memory allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from phonoscope.clustering.affinity import choose_sigma, contrast, gaussian_affinity, normalised_affinity
from phonoscope.clustering.neighbour_graph import neighbour_affinity, sparse_eigenpairs
from phonoscope.clustering.nystrom import draw_landmarks, nystrom_eigenpairs
from phonoscope.clustering.widths import choose_sigma_of_many
from phonoscope.parallel import one_blas_thread
from phonoscope.reduction.distances import centred_products_in_single_precision, squared_distances
from phonoscope.reduction.eigenpairs import largest

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["exact", "nystrom", "neighbours"]
LANDMARKS = 1_000
NEIGHBOURS = 30
# Matrices of n × n in float64 that the exact path holds at a time, with the vectors of its iteration.
_EXACT_MATRICES = 3
# In so few dimensions the paper's width is about the distance of neighbours, which landmarks are too sparse to see.
_FEW_DIMENSIONS = 3
_CONTRAST_ON = 2_000
# From so many features on the product of all samples takes most of the time, and single precision halves that.
_WIDE = 1_500


@dataclass(frozen=True)
class Embedding:
    """Samples on the leading eigenvectors of ``L = D^-1/2 A D^-1/2``.

    Attributes
    ----------
    vectors
        The eigenvectors, largest eigenvalue first, shape (n, k), float64, or float32 by Nyström's method. The first
        columns serve any smaller number of clusters.
    eigenvalues
        Shape (k,).
    sigma
        The width used, or one a sample.
    contrast
        How far the affinity is from flat, see `contrast`; of 2,000 samples drawn at random where not exact.
    method
        ``exact``, ``nystrom`` or ``neighbours``.
    affinity
        A, shape (n, n), where it was asked for and the method is exact.
    """

    vectors: NDArray[np.floating]
    eigenvalues: NDArray[np.float64]
    sigma: float | NDArray[np.float64]
    contrast: float
    method: Method
    affinity: NDArray[np.float64] | None = None


def plan(
    n: int, dimensions: int, *, sigma: str | float = "mouysset", method: str = "auto", memory: float = 4.0
) -> Method:
    """Return the method that will be used for a panel.

    ``auto`` is ``exact`` as long as that takes no more than `memory` GB, 24 n² bytes; then ``nystrom``, or
    ``neighbours`` where the width is about the distance of neighbours: with ``local``, and with ``mouysset`` in no more
    than three dimensions.

    Raises
    ------
    ValueError
        There is no such method, or the memory is not above 0.
    """
    if not memory > 0:
        msg = f"memory is above 0 GB, not {memory}"
        raise ValueError(msg)
    if method in get_args(Method):
        return method  # type: ignore[return-value]
    if method != "auto":
        msg = f"method is 'auto', {', '.join(map(repr, get_args(Method)))}, not {method!r}"
        raise ValueError(msg)
    if _EXACT_MATRICES * 8.0 * n * n <= memory * 1e9:
        return "exact"
    narrow = sigma == "local" or (sigma == "mouysset" and dimensions <= _FEW_DIMENSIONS)
    return "neighbours" if narrow else "nystrom"


@one_blas_thread()  # once: to ask the libraries for it at each step takes longer than many a step
def embed(
    X: NDArray[np.floating],
    k: int,
    *,
    sigma: str | float = "mouysset",
    kernel: str = "2sigma2",
    method: str = "auto",
    memory: float = 4.0,
    n_landmarks: int = LANDMARKS,
    seed: int = 0,
    products: NDArray[np.float64] | None = None,
    squared: NDArray[np.float64] | None = None,
    keep_affinity: bool = False,
) -> Embedding:
    """Place samples on the k leading eigenvectors of their normalised affinity.

    All that is exact is computed in float64, but for the products of float32 samples of 1,500 features or more, if the
    width is ``mouysset`` or ``median``: see `phonoscope.reduction.distances.centred_products_in_single_precision`.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), finite, float32 or float64; may be mapped from a file.
    k
        Number of eigenvectors, from 1 to n.
    sigma, kernel
        As in `choose_sigma` and `gaussian_affinity`.
    method, memory
        As in `plan`.
    n_landmarks
        Samples that Nyström's method compares all samples with; at least k are taken.
    seed
        Of the landmarks, and of all that is drawn at random where the method is not exact.
    products
        What `centred_products` gives for X, where it is known already: the exact method uses and overwrites it.
    squared
        What `squared_distances` gives, the same; it is kept.
    keep_affinity
        Whether the exact method shall give A too, which takes another n × n.

    Raises
    ------
    ValueError
        A parameter is out of range.
    """
    n, d = X.shape
    chosen = plan(n, d, sigma=sigma, method=method, memory=memory)
    if chosen == "exact":
        ours = squared is None
        if ours and products is None and _single_precision_does(X, sigma):
            products = centred_products_in_single_precision(X)
        distances = squared_distances(X, products) if squared is None else squared
        width = choose_sigma(distances, d, sigma)
        A = gaussian_affinity(distances, width, kernel, out=distances if ours else None)
        flatness = contrast(A)
        values, vectors = largest(normalised_affinity(A, out=None if keep_affinity else A), k)
        return Embedding(vectors, values, width, flatness, chosen, A if keep_affinity else None)
    width = choose_sigma_of_many(X, sigma, seed)
    some = draw_landmarks(n, _CONTRAST_ON, seed)
    flatness = contrast(affinity_of_some(X, some, width, kernel))
    if chosen == "nystrom":
        landmarks = draw_landmarks(n, max(n_landmarks, k), seed)
        values, placed = nystrom_eigenpairs(X, k, width, landmarks=landmarks, kernel=kernel)
        return Embedding(placed, values, width, flatness, chosen)
    graph = neighbour_affinity(X, width, neighbours=NEIGHBOURS, kernel=kernel, seed=seed)
    values, vectors = sparse_eigenpairs(graph, k)
    return Embedding(vectors, values, width, flatness, chosen)


def _single_precision_does(X: NDArray[np.floating], sigma: str | float) -> bool:
    """Tell whether single precision changes affinities by no more than some millionths.

    The errors are parts of the samples' squared lengths, and these widths are about as large as the lengths. A width
    that looks at neighbours only, or any number, may be much smaller.
    """
    return X.dtype == np.float32 and X.shape[1] >= _WIDE and sigma in ("mouysset", "median")


def affinity_of_some(
    X: NDArray[np.floating],
    some: NDArray[np.int64],
    width: float | NDArray[np.float64],
    kernel: str,
    squared: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the affinities among some of the samples, with the width of all, shape (len(some), len(some)).

    `squared` is what `squared_distances` gives for these, where it is known already; it is overwritten.
    """
    squared = squared_distances(X[some]) if squared is None else squared
    own = width[some] if isinstance(width, np.ndarray) else width
    return gaussian_affinity(squared, own, kernel, out=squared)
