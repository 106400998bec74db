"""The forces of t-SNE between all pairs of samples, each pair visited once.

The samples are cut into blocks of a fixed size and the pairs into tiles, one for two blocks, which any thread may work.
A tile's forces go to a place of its own and are summed afterwards in the order of the blocks, so that no sum depends on
the number of threads. Every array of a block is flat: the offsets between its parts are then known to the compiler,
which has to prove that they do not overlap before it uses vector instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Codes = NDArray[np.uint16]

TILE = 256  # samples of a block: a tile's rows and forces fit the fastest cache
_1, _2, _3, _4, _5 = (np.uint64(part * TILE) for part in range(1, 6))  # an unsigned place can not count from the end
_FLAT = 2


def tiles(n: int) -> NDArray[np.int64]:
    """Return the pairs of blocks of n samples, shape (tiles, 2), each pair once.

    In this order (each block with itself, then with the blocks after it, round the circle) tiles on the diagonal, which
    are half the work, are spread evenly.
    """
    blocks = -(-n // TILE)
    pairs = [
        (i, (i + ahead) % blocks)
        for i in range(blocks)
        for ahead in range(blocks // 2 + 1)
        if ahead * 2 != blocks or i < ahead
    ]
    return np.array(pairs, np.int64)


def to_blocks(Y: NDArray[np.floating]) -> Floats:
    """Cut an embedding, shape (n, m), into blocks, shape (blocks, m · TILE), by coordinate; zeros fill up."""
    n, m = Y.shape
    padded = np.zeros((-(-n // TILE) * TILE, m), np.float32)
    padded[:n] = Y
    return np.ascontiguousarray(padded.reshape(-1, TILE, m).transpose(0, 2, 1)).reshape(-1, m * TILE)


def from_blocks(Y: Floats, n: int) -> Floats:
    """Undo `to_blocks`."""
    m = Y.shape[1] // TILE
    return np.ascontiguousarray(Y.reshape(-1, m, TILE).transpose(0, 2, 1).reshape(-1, m)[:n])


@kernel(fastmath=True, error_model="numpy")
def _flat_tile(
    y: Floats, codes: Codes, pull: np.float32, own: Floats, other: Floats, rows: int, columns: int, first: int
) -> float:
    """Work a tile in the plane: add to the second halves of `own` and `other`; return the sum of q."""
    one = np.float32(1)
    total = np.float64(0)
    for i in range(rows):
        x0, x1 = y[i], y[TILE + i]
        r0 = r1 = z = np.float32(0)
        row = np.uint64(i * TILE)
        for column in range(max(i + first, 0), columns):
            j = np.uint64(column)
            d0, d1 = x0 - other[j], x1 - other[_1 + j]
            q = one / (one + d0 * d0 + d1 * d1)
            root = np.float32(codes[row + j])
            push = (root * root * pull - q) * q
            z += q
            f0, f1 = push * d0, push * d1
            r0 += f0
            r1 += f1
            other[_2 + j] -= f0
            other[_3 + j] -= f1
        own[2 * TILE + i] += r0
        own[3 * TILE + i] += r1
        total += np.float64(z)
    return float(total)


@kernel(fastmath=True, error_model="numpy")
def _solid_tile(
    y: Floats, codes: Codes, pull: np.float32, own: Floats, other: Floats, rows: int, columns: int, first: int
) -> float:
    """Do in space what `_flat_tile` does in the plane."""
    one = np.float32(1)
    total = np.float64(0)
    for i in range(rows):
        x0, x1, x2 = y[i], y[TILE + i], y[2 * TILE + i]
        r0 = r1 = r2 = z = np.float32(0)
        row = np.uint64(i * TILE)
        for column in range(max(i + first, 0), columns):
            j = np.uint64(column)
            d0, d1, d2 = x0 - other[j], x1 - other[_1 + j], x2 - other[_2 + j]
            q = one / (one + d0 * d0 + d1 * d1 + d2 * d2)
            root = np.float32(codes[row + j])
            push = (root * root * pull - q) * q
            z += q
            f0, f1, f2 = push * d0, push * d1, push * d2
            r0 += f0
            r1 += f1
            r2 += f2
            other[_3 + j] -= f0
            other[_4 + j] -= f1
            other[_5 + j] -= f2
        own[3 * TILE + i] += r0
        own[4 * TILE + i] += r1
        own[5 * TILE + i] += r2
        total += np.float64(z)
    return float(total)


@kernel(parallel=True, fastmath=True, error_model="numpy")
def sum_forces(
    Y: Floats, n: int, codes: Codes, pairs: NDArray[np.int64], pull: float, work: Floats, sums: NDArray[np.float64]
) -> float:
    """Fill `work` with every tile's forces ``sum_j (pull · code² - q) q (y_i - y_j)``, ``q = 1 / (1 + |y_i - y_j|²)``.

    Parameters
    ----------
    Y
        Blocks of the embedding, shape (blocks, m · TILE), m = 2 or 3.
    n
        Number of samples.
    codes
        Square roots of the probabilities, in units, shape (tiles, TILE · TILE); see `neighbourhoods`.
    pairs
        The `tiles`.
    pull
        The weight of a squared code: the probability it stands for times the sum of q over all pairs.
    work
        Overwritten, shape (blocks, blocks, 2 m · TILE): of each block what each other block does to it; the first half
        is scratch, the second the forces.
    sums
        Overwritten, shape (tiles,): each tile's sum of q.

    Returns
    -------
    The sum of q over all ordered pairs.
    """
    half = Y.shape[1]
    weight = np.float32(pull)
    for t in prange(len(pairs)):
        a, b = pairs[t, 0], pairs[t, 1]
        own, other = work[a, b], work[b, a]
        own[half:] = np.float32(0)
        other[half:] = np.float32(0)
        other[:half] = Y[b]
        rows, columns = min(TILE, n - a * TILE), min(TILE, n - b * TILE)
        first = 1 if a == b else -TILE  # on the diagonal each pair once
        if half == _FLAT * TILE:
            sums[t] = _flat_tile(Y[a], codes[t], weight, own, other, rows, columns, first)
        else:
            sums[t] = _solid_tile(Y[a], codes[t], weight, own, other, rows, columns, first)
    return float(2.0 * sums.sum())
