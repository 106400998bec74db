"""The affinities of nearest neighbours only: a sparse graph, and its leading eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange
from scipy.sparse import coo_array, csr_array, diags_array

from phonoscope.kernels import kernel
from phonoscope.reduction.eigenpairs import NotConvergedError, krylov, signed
from phonoscope.reduction.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Widths = float | NDArray[np.float64]

_KERNELS = {"2sigma2": 2.0, "sigma2": 1.0}
_RESIDUAL = 1e-6
_BLOCKS, _BASIS = 150, 10


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


@kernel(parallel=True, fastmath=True, error_model="numpy")
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
