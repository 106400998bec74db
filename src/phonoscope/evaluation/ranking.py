"""All samples by their distance from each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from phonoscope.parallel import slices
from phonoscope.reduction.distances import MEMORY, Centred, centred_products

if TYPE_CHECKING:
    from numpy.typing import NDArray

Metric = Literal["cosine", "euclidean"]
_KEYS, _FEWEST_KEYS = 2**22, 2**14  # distances that are ranked at a time
_OF_A_KEY = 512  # bytes of memory that each of these needs: several numbers of 8 bytes, in several threads
INDEX = np.uint64(0xFFFF_FFFF)  # the part of a key that is the sample
DISTANCE = np.uint64(32)  # how far up the rest is
_ROUNDING = 1e-13


class Distances:
    """Distances between samples, some rows at a time.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    products
        What `phonoscope.reduction.distances.centred_products` gives for X, where it is known already.
    memory
        GB that the products of all samples may take, 8 n² bytes: of more samples they are computed for some rows
        whenever these are asked for, which is more work for the same numbers but for rounding. Little memory makes the
        blocks of rows smaller too.
    """

    def __init__(
        self, X: NDArray[np.floating], products: NDArray[np.float64] | None = None, memory: float = MEMORY
    ) -> None:
        self._n = len(X)
        self._keys = min(_KEYS, max(int(memory * 1e9 / _OF_A_KEY), _FEWEST_KEYS))
        self._centred: Centred | None = None
        left = memory * 1e9 - 8 * self._n**2
        if products is None and left < 0:
            self._centred = Centred(X, most=memory * 1e9 / 2)
            self._squares = self._centred.squares()
        else:
            self._products = centred_products(X, left) if products is None else products
            self._squares = np.ascontiguousarray(np.diag(self._products))
        mean = X.mean(axis=0, dtype=np.float64)
        # (x + m)(y + m) = x y + (x m + m m / 2) + (y m + m m / 2) for the centred x, y
        parts = [(X[rows] @ mean, np.einsum("ij,ij->i", X[rows], X[rows], dtype=np.float64)) for rows in self.blocks()]
        self._offsets = np.concatenate([dots for dots, _ in parts]) - mean @ mean / 2
        self._lengths = np.sqrt(np.concatenate([squares for _, squares in parts]))

    def __len__(self) -> int:
        """Return the number of samples."""
        return self._n

    def blocks(self) -> list[slice]:
        """Return the rows that are to be asked for at a time: the more samples, the fewer."""
        size = 256
        while size > 1 and size * self._n > self._keys:
            size //= 2
        return slices(self._n, size)

    def _rows(self, rows: slice) -> NDArray[np.float64]:
        return self._products[rows] if self._centred is None else self._centred.rows(rows)

    def euclidean(self, rows: slice) -> NDArray[np.float64]:
        """Return the Euclidean distances of the rows' samples to all, shape (rows, n)."""
        both = self._squares[rows, None] + self._squares
        squared = both - 2.0 * self._rows(rows)
        squared[squared < _ROUNDING * both] = 0.0
        return np.asarray(np.sqrt(squared))

    def cosine(self, rows: slice) -> NDArray[np.float64]:
        """Return 1 - the cosine of the angle between the rows' samples and all, shape (rows, n).

        A sample of zeros only has no direction: it is at 0 from its like, at 1 from all others.
        """
        lengths = self._lengths[rows, None] * self._lengths
        dots = self._rows(rows) + self._offsets[rows, None] + self._offsets
        found = np.ones_like(dots)
        np.divide(lengths - dots, lengths, out=found, where=lengths > 0)
        found[(self._lengths[rows, None] == 0) & (self._lengths == 0)] = 0.0
        found[found < _ROUNDING] = 0.0
        return np.asarray(found, np.float64)

    def ranked(self, rows: slice, metric: Metric) -> NDArray[np.uint64]:
        """Return all samples sorted by distance from the rows' samples, these included, shape (rows, n).

        A key is the distance in single precision above 32 bits of the sample's index: sorting by key is the same on
        every machine, and what differs by rounding only is equal.
        """
        distances = self.cosine(rows) if metric == "cosine" else self.euclidean(rows)
        keys = distances.astype(np.float32).view(np.uint32).astype(np.uint64)  # none < 0: bits in their order
        keys <<= DISTANCE
        keys |= np.arange(len(self), dtype=np.uint64)
        keys.sort(axis=1)
        return keys
