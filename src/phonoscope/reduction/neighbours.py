"""The nearest neighbours of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import get_num_threads
from scipy.spatial import cKDTree

from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

# With more features than this a tree looks at nearly all samples.
_TREE = 8
_EXHAUSTIVE = 2_000
# To compare 100,000 samples of 1,000 features with each other takes minutes, as long as the descent; time in n².
_COMPARED = 100_000
_ROWS = 256


def nearest_neighbours(
    X: NDArray[np.floating], k: int, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return each sample's k nearest other samples, nearest first, and their distances, both of shape (n, k).

    Exact: with up to 8 features or 2,000 samples by a tree, else up to 100,000 samples by comparing all with all.
    Beyond, by nearest-neighbour descent (Dong, Moses and Li 2011, as in pynndescent), which finds nearly all of them.

    Raises
    ------
    ImportError
        pynndescent is needed and not there.
    """
    n, d = X.shape
    if d <= _TREE or n <= _EXHAUSTIVE or k >= n // 2:
        distances, places = cKDTree(X).query(X, k + 1, workers=get_num_threads())
    elif n <= _COMPARED:
        return by_products(X, k)
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


def by_products(X: NDArray[np.floating], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find each sample's nearest others by comparing it with all, in float32; the same for any number of threads.

    Parameters
    ----------
    X
        Samples × features, shape (n, d).
    count
        How many, below n.

    Returns
    -------
    The neighbours, nearest first, and their Euclidean distances; both shape (n, count).
    """
    n = len(X)
    centred = np.ascontiguousarray(X - X.mean(axis=0, dtype=np.float64), np.float32)
    squares = np.einsum("ij,ij->i", centred, centred)
    neighbours, distances = np.empty((n, count), np.int64), np.empty((n, count))

    def search(rows: slice) -> None:
        squared = centred[rows] @ centred.T
        squared *= -2
        squared += squares
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf  # a sample is not its own neighbour
        found = np.argpartition(squared, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(squared, found, axis=1)
        order = np.argsort(near, axis=1, kind="stable")
        neighbours[rows] = np.take_along_axis(found, order, axis=1)
        near = np.take_along_axis(near, order, axis=1) + squares[rows, None]
        distances[rows] = np.sqrt(np.maximum(near, 0.0))

    each(search, slices(n, _ROWS))
    return neighbours, distances
