from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from phonoscope.reduction.forces import TILE, from_blocks, tiles, to_blocks
from phonoscope.reduction.neighbourhoods import affinities, joint_probabilities, widths

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.reduction.neighbourhoods import Affinities

    Floats = NDArray[np.float64]


def some(n: int = 12, d: int = 4, seed: int = 0) -> Floats:
    return np.asarray(np.random.default_rng(seed).standard_normal((n, d)))


def conditional(X: Floats, perplexity: float) -> Floats:
    """p(j | i) by what `widths` says, one at a time."""
    found, squared = widths(X, perplexity), oracles.squared_distances(X)
    np.fill_diagonal(squared, np.inf)
    P: Floats = np.exp(-found.precision[:, None] * (squared - found.nearest[:, None]))
    return P / found.total[:, None]


def decoded(P: Affinities) -> Floats:
    dense = np.zeros((P.n, P.n))
    for (a, b), codes in zip(P.pairs, P.codes, strict=True):
        square = P.unit * codes.reshape(TILE, TILE).astype(np.float64) ** 2
        rows, columns = (slice(k * TILE, min((k + 1) * TILE, P.n)) for k in (a, b))
        dense[rows, columns] += square[: rows.stop - rows.start, : columns.stop - columns.start]
    return dense + dense.T


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 15), st.floats(0, 1), st.sampled_from([1e-4, 1.0, 1e4]), st.integers(0, 1_000))
def test_the_widths_have_the_perplexity_asked_for(n: int, part: float, scale: float, seed: int) -> None:
    perplexity = 1.2 + part * (n - 2.5)  # up to nearly all the others
    X = scale * some(n, 3, seed)
    P = conditional(X, perplexity)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    assert [2 ** oracles.entropy(row) for row in P] == pytest.approx([perplexity] * n, rel=1e-4)
    expected = oracles.conditional_probabilities(oracles.squared_distances(X), perplexity)
    np.testing.assert_allclose(P, expected, atol=1e-4)


def test_neighbours_that_coincide_share_the_probability() -> None:
    # six samples in one place are five neighbours each; a perplexity of two can not be had
    X = np.vstack([np.zeros((6, 2)), [[1.0, 0], [5.0, 0]]])
    P = conditional(X, 2.0)
    np.testing.assert_allclose(P[:6, :6], (1 - np.eye(6)) / 5, atol=1e-6)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(conditional(np.full((5, 2), 0.1), 2.0), (1 - np.eye(5)) / 4)


def test_a_far_sample_has_neighbours_too() -> None:
    P = conditional(np.vstack([some(10, 2), [[1e5, 1e5]]]), 3.0)
    assert [2 ** oracles.entropy(row) for row in P] == pytest.approx([3.0] * 11, rel=1e-3)


@pytest.mark.parametrize("n", [14, TILE + 3])
@pytest.mark.parametrize("perplexity", [2.0, 5.0])
def test_joint_probabilities_are_the_symmetric_mean(perplexity: float, n: int) -> None:
    X = some(n)
    P = joint_probabilities(X, perplexity)
    if n < TILE:
        expected = oracles.conditional_probabilities(oracles.squared_distances(X), perplexity)
        np.testing.assert_allclose(P, (expected + expected.T) / 28, atol=1e-6)
    found = conditional(X, perplexity)
    np.testing.assert_allclose(P, (found + found.T) / (2 * n), atol=1e-12)
    np.testing.assert_allclose(P, P.T, rtol=1e-9, atol=1e-15)
    assert P.sum() == pytest.approx(1, rel=1e-9)
    assert (np.diag(P) == 0).all()


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([3, 30, TILE, TILE + 1, 2 * TILE + 7]), st.integers(1, 9), st.integers(0, 1_000))
def test_affinities_are_the_joint_probabilities_to_sixteen_bits(n: int, d: int, seed: int) -> None:
    X = some(n, d, seed)
    perplexity = min(20.0, 0.6 * n)
    P, found = joint_probabilities(X, perplexity), affinities(X, perplexity)
    largest = found.unit * 65_535**2
    assert P.max() <= largest * (1 + 1e-9)
    assert (np.abs(decoded(found) - P) <= np.sqrt(P * largest) / 65_535 + largest / 65_535**2).all()
    # of three samples the roundings of six numbers hardly cancel: by the line above, 2e-5 at the most
    assert decoded(found).sum() == pytest.approx(1, rel=1e-5 if n > 3 else 2e-5)
    assert found.negentropy == pytest.approx((P[P > 0] * np.log(P[P > 0])).sum(), rel=1e-9)


@pytest.mark.parametrize("n", [1, TILE, TILE + 1, 2 * TILE, 4 * TILE - 1, 7 * TILE])
def test_every_two_blocks_are_one_tile(n: int) -> None:
    blocks = -(-n // TILE)
    pairs = {frozenset(map(int, pair)) for pair in tiles(n)}
    assert len(pairs) == len(tiles(n)) == blocks * (blocks + 1) // 2
    assert pairs == {frozenset((a, b)) for a in range(blocks) for b in range(blocks)}


@pytest.mark.parametrize("m", [2, 3])
def test_blocks_hold_the_embedding(m: int) -> None:
    Y = some(TILE + 5, m).astype(np.float32)
    np.testing.assert_array_equal(from_blocks(to_blocks(Y), len(Y)), Y)
    assert to_blocks(Y)[1, TILE + 2] == Y[TILE + 2, 1]
