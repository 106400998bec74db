"""t-SNE of many samples in the plane: forces on a grid by fast Fourier transforms (Linderman et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from phonoscope.reduction.neighbours import nearest_neighbours

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import NDArray

_EXAGGERATED_ITERATIONS = 250
_MOMENTUM = 0.8


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
