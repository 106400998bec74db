"""The leading eigenvectors of a large panel's normalised affinity, from the affinities to some of its samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh

from phonoscope.clustering.affinity import gaussian_affinity
from phonoscope.parallel import each, one_blas_thread, slices
from phonoscope.reduction.distances import squared_distances
from phonoscope.reduction.eigenpairs import signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Widths = float | NDArray[np.float64]

_ROWS = 2_048
# An eigenvalue of the landmarks' affinity that is smaller, relative to the largest, is rounding of float32.
_SMALLEST = 1e-6
_MOST_DIRECTIONS = 512
# Blocks are summed in so many groups, whatever the number of threads.
_SUMS = 16
# With no more features than this float64 costs little, and small widths need its digits.
_NARROW = 64


def draw_landmarks(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return the places of landmarks drawn at random without repetition, rising."""
    return np.sort(np.random.default_rng(seed).choice(n, min(count, n), replace=False))


def nystrom_eigenpairs(
    X: NDArray[np.floating],
    k: int,
    sigma: Widths,
    *,
    landmarks: NDArray[np.int64],
    kernel: str = "2sigma2",
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Approximate the k largest eigenpairs of ``L = D^-1/2 A D^-1/2``, A being the affinity of `gaussian_affinity`.

    Nyström's method (Fowlkes, Belongie, Chung and Malik 2004): A is taken for the matrix of the landmarks' rank that
    has the same affinities between landmarks and all samples, and a degree for what the affinities to the landmarks let
    expect, at least 1. The eigenvectors are those of that matrix without its diagonal, within the span of these
    affinities, orthonormal. With every sample a landmark they are L's but for some 1/n. The landmarks' affinity counts
    in its strongest directions only, at most 512: dividing by a small eigenvalue would let rounding grow.

    The data are read once, in blocks of rows, in float32; there is never more than n × 512 of float32.

    Parameters
    ----------
    X
        Samples × features, shape (n, d), finite; may be mapped from a file.
    k
        Number of eigenpairs, at most the number of landmarks.
    sigma
        One width, or one a sample, shape (n,).
    landmarks
        Places of the landmarks, rising, shape (m,).
    kernel
        As in `gaussian_affinity`.

    Returns
    -------
    The eigenvalues, largest first, shape (k,), and the vectors, shape (n, k). A sample far from all landmarks has a row
    of zeros.
    """
    n, m = len(X), len(landmarks)
    precision = np.float64 if X.shape[1] <= _NARROW else np.float32
    marks = X[landmarks].astype(np.float64)
    mean = marks.mean(axis=0)
    widths = np.broadcast_to(np.asarray(sigma, np.float64), n)
    over_marks = (1.0 / widths[landmarks]).astype(precision)
    among = gaussian_affinity(squared_distances(marks), widths[landmarks], kernel)
    marks = (marks - mean).astype(precision)
    mark_norms = np.einsum("ij,ij->i", marks, marks)
    degree = among.sum(axis=1) * ((n - 1) / max(m - 1, 1))
    inverse_root = _inverse_roots(degree)
    among[np.diag_indices(m)] = 1.0  # the Gaussian of distance 0: with it the matrix has no negative eigenvalues
    with one_blas_thread():
        values, vectors = eigh(among * np.outer(inverse_root, inverse_root))
    kept = max(int((values > _SMALLEST * values[-1]).sum()), min(k, m))
    kept = min(kept, max(_MOST_DIRECTIONS, k)) if m < n else m
    values, vectors = np.maximum(values[::-1][:kept], np.finfo(np.float64).tiny), vectors[:, ::-1][:, :kept]
    usable = values > (_SMALLEST if m < n else 1e-13) * values[0]
    spread = (inverse_root[:, None] * vectors * np.where(usable, 1.0 / np.sqrt(values), 0.0)).astype(precision)
    factor = -1.0 if kernel == "sigma2" else -0.5
    rows = np.empty((n, kept), precision if m == n else np.float32)
    is_mark = np.zeros(n, bool)
    is_mark[landmarks] = True

    def work(block: slice) -> None:
        some = X[block].astype(np.float64) - mean if precision is np.float64 else X[block] - mean.astype(np.float32)
        some = some.astype(precision, copy=False)
        C = some @ marks.T
        C *= -2.0
        C += np.einsum("ij,ij->i", some, some)[:, None]
        C += mark_norms
        np.maximum(C, 0.0, out=C)
        C *= over_marks
        C *= (factor / widths[block]).astype(precision)[:, None]
        np.exp(C, out=C)
        own = is_mark[block]
        total = C.sum(axis=1, dtype=np.float64)
        # without the affinity to itself, which is 1
        degrees = np.where(own, (total - 1.0) * ((n - 1) / max(m - 1, 1)), total * ((n - 1) / m))
        rows[block] = C @ spread
        rows[block] *= _inverse_roots(degrees)[:, None]

    each(work, slices(n, _ROWS))
    return _ritz(rows, k)


def _inverse_roots(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    # a degree below 1, the affinity of a sample to itself, is that of a lone one: dividing by it would let this
    # affinity outgrow all others
    return 1.0 / np.sqrt(np.maximum(degrees, 1.0))


def _ritz(rows: NDArray[np.floating], k: int) -> tuple[NDArray[np.float64], NDArray[np.floating]]:
    """Return the leading eigenpairs of ``Y Y^T`` without its diagonal, within the span of Y's columns."""
    n, r = rows.shape
    groups = [range(first, n, _ROWS * _SUMS) for first in range(0, min(n, _ROWS * _SUMS), _ROWS)]
    products, without = np.zeros((len(groups), r, r)), np.zeros((len(groups), r, r))

    def work(group: int) -> None:
        for first in groups[group]:
            Y = rows[first : first + _ROWS]
            products[group] += Y.T @ Y
            without[group] += (Y * np.einsum("ij,ij->i", Y, Y)[:, None]).T @ Y

    each(work, range(len(groups)))
    G, H = products.sum(axis=0), without.sum(axis=0)
    with one_blas_thread():
        sizes, U = eigh(G)
        kept = sizes > (_SMALLEST if rows.dtype == np.float32 else 1e-13) * sizes[-1]
        kept[-k:] |= sizes[-k:] > 0
        basis = U[:, kept] / np.sqrt(sizes[kept])
        values, V = eigh(np.diag(sizes[kept]) - basis.T @ H @ basis)
    combine = np.zeros((r, k))
    found = min(k, len(values))
    combine[:, :found] = basis @ V[:, ::-1][:, :found]
    vectors = np.empty((n, k), rows.dtype)

    def place(block: slice) -> None:
        vectors[block] = rows[block] @ combine.astype(rows.dtype)

    each(place, slices(n, _ROWS))
    return np.append(values[::-1][:found], np.zeros(k - found)), np.ascontiguousarray(signed(vectors.T).T)
