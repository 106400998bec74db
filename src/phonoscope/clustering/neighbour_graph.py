"""The affinities of nearest neighbours only: a sparse graph, and its leading eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads, njit, prange
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.spatial import cKDTree

from phonoscope.reduction.eigenpairs import NotConvergedError, krylov, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Widths = float | NDArray[np.float64]

_KERNELS = {"2sigma2": 2.0, "sigma2": 1.0}
# With more features than this a tree looks at nearly all samples.
_TREE = 8
_EXHAUSTIVE = 2_000
_RESIDUAL = 1e-6
_BLOCKS, _BASIS = 150, 10


def nearest_neighbours(
    X: NDArray[np.floating], k: int, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return each sample's k nearest other samples, nearest first, and their distances, both of shape (n, k).

    Exact with up to 8 features or 2,000 samples; else by nearest-neighbour descent (Dong, Moses and Li 2011, as in
    pynndescent), which finds nearly all of them.

    Raises
    ------
    ImportError
        pynndescent is needed and not there.
    """
    n, d = X.shape
    if d <= _TREE or n <= _EXHAUSTIVE or k >= n // 2:
        distances, places = cKDTree(X).query(X, k + 1, workers=get_num_threads())
    else:
        try:
            from pynndescent import NNDescent  # noqa: PLC0415 - compiles when imported
        except ImportError as error:
            msg = "neighbours among many samples of many features are found by pynndescent: pip install pynndescent"
            raise ImportError(msg) from error
        index = NNDescent(
            np.asarray(X, np.float32), n_neighbors=k + 1, random_state=seed, n_jobs=get_num_threads(), compressed=False
        )
        places, distances = index.neighbor_graph
    return _without_self(np.asarray(places, np.int64), np.asarray(distances))


def _without_self(
    places: NDArray[np.int64], distances: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Leave out each sample itself; where others coincide with it, it need not be the first, nor there at all."""
    n, wide = places.shape
    own = places == np.arange(n)[:, None]
    own[~own.any(axis=1), -1] = True
    return places[~own].reshape(n, wide - 1), distances[~own].reshape(n, wide - 1)


def neighbour_affinity(
    X: NDArray[np.floating], sigma: Widths, *, neighbours: int, kernel: str = "2sigma2", seed: int = 0
) -> csr_array:
    """Return the affinities of `gaussian_affinity` between samples of which one is among the other's neighbours."""
    n = len(X)
    places, distances = nearest_neighbours(X, min(neighbours, n - 1), seed)
    widths = np.broadcast_to(np.asarray(sigma, np.float64), n)
    weights = np.exp(-np.square(distances, dtype=np.float64) / (_KERNELS[kernel] * widths[:, None] * widths[places]))
    rows = np.repeat(np.arange(n), places.shape[1])
    A = csr_array(coo_array((weights.ravel(), (rows, places.ravel())), shape=(n, n)))
    return csr_array(A.maximum(A.T))


@njit(parallel=True, cache=True, fastmath=True, error_model="numpy")
def _multiply(starts, places, weights, columns, out) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    for i in prange(len(out)):
        out[i] = 0
        for e in range(starts[i], starts[i + 1]):
            weight = weights[e]
            for j in range(columns.shape[1]):
                out[i, j] += weight * columns[places[e], j]


def sparse_eigenpairs(A: csr_array, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the k largest eigenpairs of ``D^-1/2 A D^-1/2``, A sparse, shapes (k,) and (n, k); residuals below 1e-6.

    By `krylov`; where that takes more than 150 blocks, as on long thin graphs it may, the best approximation.
    """
    n = A.shape[0]
    degrees = A.sum(axis=1)
    scale = np.where(degrees > 0, 1.0 / np.sqrt(np.where(degrees > 0, degrees, 1.0)), 0.0)
    L = csr_array(diags_array(scale) @ A @ diags_array(scale))

    def multiply(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        columns, out = np.ascontiguousarray(rows.T), np.empty(rows.T.shape)
        _multiply(L.indptr, L.indices, L.data, columns, out)
        return np.ascontiguousarray(out.T)

    try:
        values, vectors = krylov(multiply, n, k, residual=_RESIDUAL, blocks=_BLOCKS, basis=_BASIS, patient=True)
    except NotConvergedError as near:
        values, vectors = near.values[:k], near.vectors[:k]
    return values, signed(vectors).T
