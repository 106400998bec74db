"""t-SNE of many samples in the plane: forces on a grid by fast Fourier transforms (Linderman et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from phonoscope.parallel import each, slices

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import NDArray

_ROWS = 256
_EXAGGERATED_ITERATIONS = 250
_MOMENTUM = 0.8


def nearest_neighbours(X: NDArray[np.floating], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find each sample's nearest others by comparing it with all, in float32.

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


def descend_by_fft(
    X: NDArray[np.floating],
    start: NDArray[np.float32],
    *,
    perplexity: float,
    iterations: int,
    exaggeration: float,
    learning_rate: float | None,
    random_state: int | RandomState | None,
) -> tuple[NDArray[np.float32], float]:
    """Embed samples × features, shape (n, d), in the plane from a first embedding, shape (n, 2).

    The work is openTSNE's. The first 250 iterations, half of all at most, exaggerate the attraction; a learning rate of
    None is ``n / exaggeration`` in either part.

    Returns
    -------
    The embedding, shape (n, 2), and the KL divergence in nats that openTSNE reports: relative to the P over each
    sample's ``3 · perplexity`` nearest neighbours, so that it can not be compared with that of exact forces.

    Raises
    ------
    ImportError
        openTSNE is not installed.
    """
    try:
        from openTSNE import TSNEEmbedding  # noqa: PLC0415 - only many samples need it
        from openTSNE.affinity import PerplexityBasedNN  # noqa: PLC0415
        from openTSNE.nearest_neighbors import PrecomputedNeighbors  # noqa: PLC0415
    except ImportError as error:
        msg = "t-SNE by fast Fourier transforms needs openTSNE: pip install openTSNE, or choose method='exact'"
        raise ImportError(msg) from error
    threads = numba.get_num_threads()
    found = nearest_neighbours(X, min(len(X) - 1, int(3 * perplexity)))
    affinities = PerplexityBasedNN(
        perplexity=perplexity, knn_index=PrecomputedNeighbors(*found), n_jobs=threads, random_state=random_state
    )
    embedding = TSNEEmbedding(
        start.astype(np.float64),
        affinities,
        negative_gradient_method="fft",
        learning_rate="auto" if learning_rate is None else learning_rate,
        n_jobs=threads,
        random_state=random_state,
    )
    early = min(_EXAGGERATED_ITERATIONS, iterations // 2)
    for steps, factor in ((early, exaggeration), (iterations - early, 1.0)):
        if steps:
            embedding.optimize(steps, exaggeration=factor, momentum=_MOMENTUM, inplace=True)
    return np.asarray(embedding, np.float32), float(embedding.kl_divergence)
