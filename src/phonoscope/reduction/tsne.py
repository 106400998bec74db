"""Exact t-SNE (van der Maaten and Hinton, JMLR 2008), in two or three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numba import njit, prange
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from phonoscope.reduction.neighbourhoods import joint_probabilities
from phonoscope.reduction.pca import pca

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

_EXAGGERATED_ITERATIONS = 250
_START_SCALE = 1e-4


@njit(parallel=True, cache=True, fastmath=True, error_model="numpy")
def _forces(
    Y: NDArray[np.float32],
    P: NDArray[np.float32],
    attraction: NDArray[np.float32],
    repulsion: NDArray[np.float32],
    normaliser: NDArray[np.float32],
) -> None:
    """Sum each sample's forces; `Y`, `attraction` and `repulsion` are dimensions × samples.

    Sums run over one sample's row each, so they do not depend on the number of threads.
    """
    dimensions, n = Y.shape
    for i in prange(n):
        a0 = a1 = a2 = np.float32(0)
        r0 = r1 = r2 = np.float32(0)
        z = np.float32(0)
        x0, x1 = Y[0, i], Y[1, i]
        one = np.float32(1)
        if dimensions == 2:  # noqa: PLR2004
            for j in range(n):
                d0, d1 = x0 - Y[0, j], x1 - Y[1, j]
                q = one / (one + d0 * d0 + d1 * d1)
                pull = P[i, j] * q
                push = q * q
                z += q
                a0 += pull * d0
                a1 += pull * d1
                r0 += push * d0
                r1 += push * d1
        else:
            x2 = Y[2, i]
            for j in range(n):
                d0, d1, d2 = x0 - Y[0, j], x1 - Y[1, j], x2 - Y[2, j]
                q = one / (one + d0 * d0 + d1 * d1 + d2 * d2)
                pull = P[i, j] * q
                push = q * q
                z += q
                a0 += pull * d0
                a1 += pull * d1
                a2 += pull * d2
                r0 += push * d0
                r1 += push * d1
                r2 += push * d2
            attraction[2, i] = a2
            repulsion[2, i] = r2
        attraction[0, i], attraction[1, i] = a0, a1
        repulsion[0, i], repulsion[1, i] = r0, r1
        normaliser[i] = z - one  # the sample itself


@njit(parallel=True, cache=True)
def _kl_sums(
    P: NDArray[np.floating], Y: NDArray[np.float64], kernel: NDArray[np.float64], crossed: NDArray[np.float64]
) -> None:
    """Sum each sample's Student kernel, and ``p log(p / kernel)``; both shape (n,)."""
    n, m = Y.shape
    for i in prange(n):
        total = cross = 0.0
        for j in range(n):
            if j != i:
                squared = 0.0
                for c in range(m):
                    squared += (Y[i, c] - Y[j, c]) ** 2
                total += 1.0 / (1.0 + squared)
                p = np.float64(P[i, j])
                if p > 0:
                    cross += p * np.log(p * (1.0 + squared))
        kernel[i] = total
        crossed[i] = cross


def kl_divergence(P: NDArray[np.floating], Y: NDArray[np.floating]) -> float:
    """Return KL(P || Q) in nats.

    Parameters
    ----------
    P
        Joint probabilities, shape (n, n), summing to one.
    Y
        The embedding, shape (n, m); Q is its Student kernel of one degree of freedom, normalised over all pairs.
    """
    kernel, crossed = np.empty(len(Y)), np.empty(len(Y))
    _kl_sums(P, np.ascontiguousarray(Y, np.float64), kernel, crossed)
    # log(p / q) = log(p (1 + d²)) + log Z, and P sums to one up to rounding
    return float(crossed.sum() + P.sum(dtype=np.float64) * np.log(kernel.sum()))


def gradient(P: NDArray[np.float32], Y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the gradient of the KL divergence at an embedding, shape (n, m) as the embedding.

    ``dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|²)``
    """
    transposed = np.ascontiguousarray(Y.T, np.float32)
    attraction, repulsion = np.empty_like(transposed), np.empty_like(transposed)
    normaliser = np.empty(len(Y), np.float32)
    _forces(transposed, P, attraction, repulsion, normaliser)
    slope: NDArray[np.float32] = 4 * (attraction - repulsion / np.float32(normaliser.sum(dtype=np.float64)))
    return slope.T


def descend(
    P: NDArray[np.float32],
    start: NDArray[np.float32],
    *,
    iterations: int,
    exaggeration: float,
    learning_rate: float,
) -> NDArray[np.float32]:
    """Minimise the KL divergence by gradient descent with momentum and adaptive gains.

    The first 250 iterations exaggerate `P` and use a momentum of 0.5, the others 0.8 (van der Maaten's schedule).

    Parameters
    ----------
    P
        Joint probabilities, shape (n, n).
    start
        First embedding, shape (n, 2) or (n, 3).
    iterations
        Steps in all.
    exaggeration
        Factor of `P` in the first steps.
    learning_rate
        Step of the descent.

    Returns
    -------
    The embedding, centred, same shape as `start`.
    """
    Y = np.ascontiguousarray(start.T, np.float32)
    attraction, repulsion = np.empty_like(Y), np.empty_like(Y)
    normaliser = np.empty(Y.shape[1], np.float32)
    update, gains = np.zeros_like(Y), np.ones_like(Y)
    for iteration in range(iterations):
        early = iteration < _EXAGGERATED_ITERATIONS
        if iteration == _EXAGGERATED_ITERATIONS:
            update[:] = 0.0  # the way in which the exaggerated forces pushed leads past the minimum
        _forces(Y, P, attraction, repulsion, normaliser)
        factor = np.float32(exaggeration if early else 1.0)
        slope = 4 * (factor * attraction - repulsion / np.float32(normaliser.sum(dtype=np.float64)))
        gains = np.where(np.sign(slope) != np.sign(update), gains + np.float32(0.2), gains * np.float32(0.8))
        np.maximum(gains, np.float32(0.01), out=gains)
        update = np.float32(0.5 if early else 0.8) * update - np.float32(learning_rate) * gains * slope
        Y += update
        Y -= Y.mean(axis=1, keepdims=True)
    return Y.T.copy()


class TSNE(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """t-SNE with exact forces: no approximation of the attraction or the repulsion.

    Parameters
    ----------
    n_components
        2 or 3.
    perplexity
        Effective number of neighbours; below the number of samples minus one.
    init
        ``pca``: the first principal components, scaled to a standard deviation of 1e-4; ``random``: normal draws of
        that size.
    early_exaggeration
        Factor on the attraction in the first 250 iterations.
    learning_rate
        Step; ``auto``: ``max(n / early_exaggeration / 4, 50)`` (Belkina et al. 2019, in this gradient's scale).
    max_iter
        Iterations.
    random_state
        Seed of a random start.

    Attributes
    ----------
    embedding_
        Shape (n, n_components), float32.
    kl_divergence_
        Of the embedding, in nats.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        init: Literal["pca", "random"] = "pca",
        early_exaggeration: float = 12.0,
        learning_rate: float | Literal["auto"] = "auto",
        max_iter: int = 1000,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.init = init
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Embed samples × features; see `fit_transform`."""
        data = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=3)
        n = len(data)
        if self.n_components not in (2, 3):
            msg = f"n_components is 2 or 3, not {self.n_components}"
            raise ValueError(msg)
        if not 1 <= self.perplexity < n - 1:
            msg = f"perplexity lies between 1 and the number of samples minus one ({n - 1}), not {self.perplexity}"
            raise ValueError(msg)
        rate = self.learning_rate
        step = max(n / self.early_exaggeration / 4, 50.0) if rate == "auto" else float(rate)
        P = joint_probabilities(data, self.perplexity)
        self.embedding_ = descend(
            P,
            self._start(data),
            iterations=self.max_iter,
            exaggeration=self.early_exaggeration,
            learning_rate=step,
        )
        self.kl_divergence_ = kl_divergence(P, self.embedding_)
        return self

    def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[np.float32]:  # noqa: ARG002
        """Return the embedding of samples × features, shape (n, n_components).

        Raises
        ------
        ValueError
            A parameter is out of range, or the data hold NaN or infinity.
        """
        return self.fit(X).embedding_

    def _start(self, data: NDArray[np.floating]) -> NDArray[np.float32]:
        n, m = len(data), self.n_components
        if self.init not in ("pca", "random"):
            msg = f"init is 'pca' or 'random', not {self.init!r}"
            raise ValueError(msg)
        start = np.zeros((n, m), np.float32)
        if self.init == "pca":
            scores = pca(data, 1.0).scores[:, :m]
            start[:, : scores.shape[1]] = scores
            spread = start[:, 0].std()
            if spread > 0:
                return np.asarray(start * np.float32(_START_SCALE / spread), np.float32)
        # samples that are all the same have no components to start from
        draws = check_random_state(self.random_state).standard_normal((n, m))
        return np.asarray(_START_SCALE * draws, np.float32)
