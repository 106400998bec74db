"""t-SNE (van der Maaten and Hinton, JMLR 2008), in two or three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from phonoscope.parallel import each, one_blas_thread, slices
from phonoscope.reduction.descent import descend, divergence
from phonoscope.reduction.distances import MEMORY, centred_products
from phonoscope.reduction.forces import TILE
from phonoscope.reduction.large_tsne import descend_by_fft
from phonoscope.reduction.neighbourhoods import affinities as find_affinities

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from phonoscope.reduction.neighbourhoods import Affinities

EXACT_UP_TO = 25_000
_START_SCALE = 1e-4
_ROWS = 4_096
_SMALL = 1_000  # below it the exact decomposition takes no time
_LEAST_RATES = 5.0, 50.0  # with P exaggerated, and after
_PLANE = 2


def exact_bytes(n: int, dimensions: int) -> int:
    """Return how much memory the exact forces on n samples take: 16 bits for each pair of samples, and the forces."""
    width = max(dimensions, _PLANE)
    return n * n + 8 * width * TILE * (-(-n // TILE)) ** 2


def plan(n: int, dimensions: int, memory: float = MEMORY) -> Literal["exact", "fft"]:
    """Return the method that ``auto`` stands for: see `TSNE`."""
    if dimensions != _PLANE:
        return "exact"
    return "exact" if n <= EXACT_UP_TO and exact_bytes(n, dimensions) <= memory * 1e9 else "fft"


def _leading(product: NDArray[np.float64], m: int) -> NDArray[np.float64]:
    """Return the m leading eigenvectors, or as many as have a variance, largest eigenvalue first."""
    size = len(product)
    with one_blas_thread():
        if size <= _SMALL:
            values, vectors = eigh(product, subset_by_index=(max(size - m, 0), size - 1))
        else:
            # a start of one's own makes the result the same every time
            values, vectors = eigsh(product, m, v0=np.cos(np.arange(size, dtype=np.float64)))
    order = np.argsort(-values)
    kept = values[order] > values.max() * size * np.finfo(np.float64).eps
    return np.asarray(vectors[:, order[kept]])


def leading_scores(X: NDArray[np.floating], m: int) -> NDArray[np.float64]:
    """Return the first m principal components' scores, those of `pca`, without finding the others.

    Parameters
    ----------
    X
        Samples × features, shape (n, d).
    m
        How many.

    Returns
    -------
    Shape (n, m), or fewer columns where the data vary in fewer directions; each component's largest weight is positive.
    They do not depend on the number of threads.
    """
    n, d = X.shape
    mean = X.mean(axis=0, dtype=np.float64)
    if d > n:
        vectors = _leading(centred_products(X), m)
        axes = np.zeros((d, vectors.shape[1]))
        for rows in slices(n, _ROWS):
            axes += (X[rows] - mean).T @ vectors[rows]
        axes /= np.maximum(np.linalg.norm(axes, axis=0), np.finfo(np.float64).tiny)
    else:
        parts = slices(n, _ROWS)
        products: dict[int, NDArray[np.float64]] = {}

        def multiply(rows: slice) -> None:
            centred = X[rows] - mean
            products[rows.start] = centred.T @ centred

        each(multiply, parts)
        product = products[0]
        for rows in parts[1:]:  # in this order, whichever was ready first
            product += products[rows.start]
        axes = _leading(product, m)
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    with one_blas_thread():
        return np.concatenate([(X[rows] - mean) @ (axes * signs) for rows in slices(n, _ROWS)])


class TSNE(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """t-SNE with the forces between all pairs of samples or, for many samples in the plane, with forces on a grid.

    Parameters
    ----------
    n_components
        1, 2 or 3. On a line samples hardly get past each other, so that its divergence is much higher than a plane's.
    perplexity
        Effective number of neighbours; below the number of samples minus one.
    init
        ``pca``: the first principal components, scaled to a standard deviation of 1e-4; ``random``: normal draws of
        that size.
    early_exaggeration
        Factor on the attraction in the first iterations: 100 of ``exact``; of ``fft`` 250, or half of all if fewer.
    learning_rate
        Step, in the scale of the gradient ``4 sum(…)``; ``auto``: ``n / early_exaggeration / 4`` in the first
        iterations, ``n / 4`` after (Belkina et al. 2019); with ``exact`` in the plane and in space at least 5 and 50.
    max_iter
        Iterations; ``exact`` ends before when 50 of them lower the divergence by less than 1e-4 nats.
    method
        ``exact``: the forces of all pairs, and every p(i, j) (`phonoscope.reduction.neighbourhoods.Affinities`); takes
        n² bytes of memory and time in n². The same result for any number of threads.
        ``fft``: two dimensions only; p(i, j) of the ``3 · perplexity`` nearest neighbours, repulsion interpolated on a
        grid (openTSNE, which has to be installed); time in n but for the search of the neighbours. A seed gives the
        same result on one machine.
        ``auto``: ``exact`` up to 25,000 samples if they fit into `memory`, and in one or three dimensions; else
        ``fft``.
    memory
        GB that the method ``exact`` may take, where it is not asked for.
    random_state
        Seed of a random start.

    Attributes
    ----------
    embedding_
        Shape (n, n_components), float32.
    kl_divergence_
        Of the embedding, in nats. ``exact``: relative to P over all pairs; ``fft``: to P over each sample's
        ``3 · perplexity`` nearest neighbours, which gives another value for the same embedding.
    method_
        ``exact`` or ``fft``.
    n_iter_
        Iterations done.
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        init: Literal["pca", "random"] = "pca",
        early_exaggeration: float = 12.0,
        learning_rate: float | Literal["auto"] = "auto",
        max_iter: int = 500,
        method: Literal["auto", "exact", "fft"] = "auto",
        memory: float = MEMORY,
        random_state: int | RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.init = init
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.method = method
        self.memory = memory
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, affinities: Affinities | None = None) -> Self:  # noqa: ARG002
        """Embed samples × features; see `fit_transform`."""
        data = validate_data(self, X, dtype=[np.float32, np.float64], ensure_min_samples=3)
        n = len(data)
        self._check(n)
        self.method_ = self.method
        if self.method == "auto":
            self.method_ = plan(n, self.n_components, self.memory)
        rate = self.learning_rate
        start = self._start(data)
        if self.method_ == "fft":
            self.embedding_, self.kl_divergence_ = descend_by_fft(
                data,
                start,
                perplexity=self.perplexity,
                iterations=self.max_iter,
                exaggeration=self.early_exaggeration,
                learning_rate=None if rate == "auto" else 4 * float(rate),  # openTSNE's gradient lacks the factor 4
                random_state=self.random_state,
            )
            self.n_iter_ = self.max_iter
            return self
        # on a line steps so long would throw the samples far apart, for good
        least = _LEAST_RATES if self.n_components > 1 else (0.0, 0.0)
        rates = (max(n / self.early_exaggeration / 4, least[0]), max(n / 4, least[1]))
        P = find_affinities(data, self.perplexity) if affinities is None else affinities
        if self.n_components == 1:  # a line in the plane: no force leads away from it
            start = np.hstack([start, np.zeros_like(start)])
        found, self.n_iter_ = descend(
            P,
            start,
            iterations=self.max_iter,
            exaggeration=self.early_exaggeration,
            learning_rates=rates if rate == "auto" else (float(rate), float(rate)),
        )
        self.kl_divergence_ = divergence(P, found)
        self.embedding_ = np.ascontiguousarray(found[:, : self.n_components])
        return self

    def fit_transform(
        self,
        X: ArrayLike,
        y: object = None,  # noqa: ARG002
        affinities: Affinities | None = None,
    ) -> NDArray[np.float32]:
        """Return the embedding of samples × features, shape (n, n_components).

        Parameters
        ----------
        X
            Shape (n, d).
        y
            Ignored.
        affinities
            What `phonoscope.reduction.neighbourhoods.affinities` gives for X and the perplexity, where several
            embeddings of the same samples are wanted; the method ``exact`` uses it.

        Raises
        ------
        ValueError
            A parameter is out of range, or the data hold NaN or infinity.
        ImportError
            The method is ``fft``, and openTSNE is not installed.
        """
        return self.fit(X, affinities=affinities).embedding_

    def _check(self, n: int) -> None:
        """Refuse parameters that are out of range for n samples."""
        msg = None
        if self.n_components not in (1, 2, 3):
            msg = f"n_components is 1, 2 or 3, not {self.n_components}"
        elif not 1 <= self.perplexity < n - 1:
            msg = f"perplexity lies between 1 and the number of samples minus one ({n - 1}), not {self.perplexity}"
        elif self.init not in ("pca", "random"):
            msg = f"init is 'pca' or 'random', not {self.init!r}"
        elif self.method not in ("auto", "exact", "fft"):
            msg = f"method is 'auto', 'exact' or 'fft', not {self.method!r}"
        elif self.method == "fft" and self.n_components != _PLANE:
            msg = "method 'fft' has two dimensions only; choose 'exact' for three"
        elif not self.memory > 0:
            msg = f"memory is above 0 GB, not {self.memory}"
        if msg:
            raise ValueError(msg)

    def _start(self, data: NDArray[np.floating]) -> NDArray[np.float32]:
        n, m = len(data), self.n_components
        if self.init == "pca":
            start = np.zeros((n, m))
            scores = leading_scores(data, m)
            start[:, : scores.shape[1]] = scores
            spread = start[:, 0].std()
            if spread > 0:
                return np.asarray(start * (_START_SCALE / spread), np.float32)
        # samples that are all the same have no components to start from
        draws = check_random_state(self.random_state).standard_normal((n, m))
        return np.asarray(_START_SCALE * draws, np.float32)
