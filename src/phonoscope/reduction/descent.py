"""The Kullback-Leibler divergence that t-SNE minimises, its gradient, and the descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel
from phonoscope.reduction.forces import TILE, from_blocks, sum_forces, to_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.reduction.neighbourhoods import Affinities

EXAGGERATED_ITERATIONS = 100
_MOMENTA = 0.8, 0.9  # with P exaggerated, and after
_CHECKED = 50  # steps between two looks at whether anything moves
_AT_REST = 1e-4  # nats that so many steps have to lower the divergence by


@kernel(parallel=True)
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
    """Return KL(P || Q) in nats, of any P.

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


@kernel(parallel=True, fastmath=True, error_model="numpy")
def _coded_sums(
    Y: NDArray[np.float64], codes: NDArray[np.uint16], pairs: NDArray[np.int64], sums: NDArray[np.float64]
) -> None:
    """Sum over each tile's pairs the Student kernel and ``code² log(1 + d²)``; `sums` has shape (tiles, 2)."""
    n, m = Y.shape
    for t in prange(len(pairs)):
        rows, columns = pairs[t, 0] * TILE, pairs[t, 1] * TILE
        kernel = crossed = 0.0
        for i in range(rows, min(rows + TILE, n)):
            for j in range(i + 1 if rows == columns else columns, min(columns + TILE, n)):
                squared = 0.0
                for c in range(m):
                    squared += (Y[i, c] - Y[j, c]) ** 2
                kernel += 1.0 / (1.0 + squared)
                root = np.float64(codes[t, (i - rows) * TILE + j - columns])
                if root > 0:
                    crossed += root * root * np.log(1.0 + squared)
        sums[t, 0], sums[t, 1] = kernel, crossed


def divergence(P: Affinities, Y: NDArray[np.floating]) -> float:
    """Return KL(P || Q) in nats, as `kl_divergence` does, without an array of all pairs; Y has shape (n, m)."""
    sums = np.empty((len(P.pairs), 2))
    _coded_sums(np.ascontiguousarray(Y, np.float64), P.codes, P.pairs, sums)
    kernel, crossed = 2 * sums.sum(axis=0)
    return float(P.negentropy + P.unit * crossed + np.log(kernel))


class _Forces:
    """The forces on an embedding, shape (n, m), and the space they are worked in."""

    def __init__(self, P: Affinities, Y: NDArray[np.floating]) -> None:
        self.P = P
        self.Y = to_blocks(Y)
        blocks, width = self.Y.shape
        self.work = np.empty((blocks, blocks, 2 * width), np.float32)
        self._sums = np.empty(len(P.pairs))

    def sum(self, exaggeration: float, normaliser: float) -> float:
        """Work out the forces, the attraction weighed by `normaliser`; return the normaliser of this embedding."""
        pull = exaggeration * self.P.unit * normaliser
        found: float = sum_forces(self.Y, self.P.n, self.P.codes, self.P.pairs, pull, self.work, self._sums)
        return found


def gradient(P: Affinities, Y: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the gradient of the KL divergence at an embedding, shape (n, m) as the embedding, m = 2 or 3.

    ``dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|²)``
    """
    forces = _Forces(P, Y)
    normaliser = forces.sum(1.0, 1.0)
    forces.sum(1.0, normaliser)
    summed = forces.work[:, :, forces.Y.shape[1] :].sum(axis=1)
    return from_blocks(summed * np.float32(4 / normaliser), P.n)


@kernel(parallel=True, fastmath=True, error_model="numpy")
def _move(
    Y: NDArray[np.float32],
    n: int,
    work: NDArray[np.float32],
    scale: np.float32,
    rate: np.float32,
    momentum: np.float32,
    update: NDArray[np.float32],
    gains: NDArray[np.float32],
) -> float:
    """Move every sample by `scale` times its forces, and centre; return the sum of slope times step."""
    blocks, width = Y.shape
    m = width // TILE
    falls, places = np.empty(blocks), np.empty((blocks, m))
    for a in prange(blocks):
        slope = work[a, 0, width:].copy()
        for b in range(1, blocks):
            for k in range(width):
                slope[k] += work[a, b, width + k]
        fall = 0.0
        for c in range(m):
            place = 0.0
            for k in range(c * TILE, c * TILE + min(TILE, n - a * TILE)):
                g = slope[k] * scale
                gain = gains[a, k]
                # against the last step: on course
                gain = gain + np.float32(0.2) if g * update[a, k] <= 0 else gain * np.float32(0.8)
                gains[a, k] = max(gain, np.float32(0.01))
                step = momentum * update[a, k] - rate * gains[a, k] * g
                update[a, k] = step
                Y[a, k] += step
                fall += g * step
                place += Y[a, k]
            places[a, c] = place
        falls[a] = fall
    for c in range(m):
        mean = np.float32(places[:, c].sum() / n)
        for a in range(blocks):
            for k in range(c * TILE, c * TILE + min(TILE, n - a * TILE)):
                Y[a, k] -= mean
    return float(falls.sum())


def descend(
    P: Affinities,
    start: NDArray[np.floating],
    *,
    iterations: int,
    exaggeration: float,
    learning_rates: tuple[float, float],
) -> tuple[NDArray[np.float32], int]:
    """Minimise the KL divergence by gradient descent with momentum and adaptive gains.

    The first 100 iterations exaggerate `P`, with a momentum of 0.8, the others have 0.9. The forces are exact but for
    one thing: the repulsion is divided by the normaliser of the embedding one step before, which lets one pass over the
    pairs do; at rest the two are the same. The descent ends early when 50 steps have not lowered the divergence, as the
    slope along them tells, by 1e-4 nats.

    Parameters
    ----------
    P
        Joint probabilities of n samples.
    start
        First embedding, shape (n, 2) or (n, 3).
    iterations
        Steps at most.
    exaggeration
        Factor of `P` in the first steps.
    learning_rates
        Step of the descent with `P` exaggerated, and after.

    Returns
    -------
    The embedding, centred, same shape as `start`, and the number of steps.
    """
    forces = _Forces(P, start)
    update, gains = np.zeros_like(forces.Y), np.ones_like(forces.Y)
    normaliser = forces.sum(exaggeration, 1.0)
    fall = 0.0
    for iteration in range(iterations):
        late = int(iteration >= EXAGGERATED_ITERATIONS)
        if iteration == EXAGGERATED_ITERATIONS:
            update[:] = 0.0  # the way in which the exaggerated forces pushed leads past the minimum
        following = forces.sum(1.0 if late else exaggeration, normaliser)
        scale, rate, momentum = (np.float32(v) for v in (4 / normaliser, learning_rates[late], _MOMENTA[late]))
        moved: float = _move(forces.Y, P.n, forces.work, scale, rate, momentum, update, gains)
        fall += moved
        normaliser = following
        if (iteration + 1 - EXAGGERATED_ITERATIONS) % _CHECKED == 0:
            if late and fall > -_AT_REST:
                return from_blocks(forces.Y, P.n), iteration + 1
            fall = 0.0
    return from_blocks(forces.Y, P.n), iterations
