"""How well sums and differences of phones' mean activations solve analogies: b - p + t lands on d."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from phonoscope.evaluation.resampling import interval
from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.phonology.analogies import Analogies

Similarity = Literal["cosine", "euclidean"]
_SUM = np.array([-1.0, 1.0, 1.0])  # of a, b, c
_THIRD = np.array([0.0, 0.0, 1.0])  # c alone
_FEWEST = 5  # three phones of the sum, the one sought, and one that may be nearer


@dataclass(frozen=True)
class Solved:
    """What sums of means land on, and what of that is more than chance.

    Attributes
    ----------
    ranks
        How many of the phones other than a, b and c are as near as d, d included; 1 where d is the nearest; shape
        (analogies,).
    answers
        The phone that is nearest, shape (analogies,).
    names, numbers
        ``all`` and the features, and how many analogies each has.
    share, low, high
        Share of the analogies whose d is the nearest, with the 95 % interval of the bootstrap; shape (names,).
    nearest
        The share if nothing is added: d is the phone nearest to c, a and b left out.
    chance, chance_high
        Mean and 95th percentile of the share when phones change places among the consonants and among the vowels.
    p_value
        How often such a permutation has a share as high.
    rank
        Median rank of d.
    """

    ranks: NDArray[np.int64]
    answers: NDArray[np.int64]
    names: list[str]
    numbers: NDArray[np.int64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    nearest: NDArray[np.float64]
    chance: NDArray[np.float64]
    chance_high: NDArray[np.float64]
    p_value: NDArray[np.float64]
    rank: NDArray[np.float64]


@kernel(nogil=True)
def _hits(
    products: NDArray[np.float64],
    places: NDArray[np.int64],
    quads: NDArray[np.int64],
    weights: NDArray[np.float64],
    cosine: bool,  # noqa: FBT001 - a kernel is called without keywords
    hits: NDArray[np.bool_],
) -> None:
    """Tell for each of several products or permutations and each analogy whether d is the nearest."""
    n = products.shape[1]
    norms = np.empty(n)
    for i in range(len(places)):
        G = products[i if len(products) > 1 else 0]
        at = places[i]
        for x in range(n):
            norms[x] = np.sqrt(G[x, x]) if G[x, x] > 0.0 else 1.0
        for q in range(len(quads)):
            a, b, c, d = at[quads[q, 0]], at[quads[q, 1]], at[quads[q, 2]], at[quads[q, 3]]
            own = weights[0] * G[a, d] + weights[1] * G[b, d] + weights[2] * G[c, d]
            own = own / norms[d] if cosine else 2.0 * own - G[d, d]
            hit = True
            for x in range(n):
                if x in (a, b, c, d):
                    continue
                other = weights[0] * G[a, x] + weights[1] * G[b, x] + weights[2] * G[c, x]
                other = other / norms[x] if cosine else 2.0 * other - G[x, x]
                if other >= own:
                    hit = False
                    break
            hits[i, q] = hit


def hits_of(
    products: NDArray[np.float64],
    quads: NDArray[np.int64],
    similarity: Similarity,
    *,
    places: NDArray[np.int64] | None = None,
    weights: NDArray[np.float64] = _SUM,
) -> NDArray[np.bool_]:
    """Tell whether d is the phone nearest to ``weights · (a, b, c)``, a, b and c left out; a tie is no hit.

    Parameters
    ----------
    products
        ``m_i · m_j`` of the centred mean activations, shape (draws, phones, phones).
    quads
        Shape (analogies, 4).
    similarity
        ``cosine``: of ``b - a + c`` and d, both from the centre of the phones; ``euclidean``: least distance.
    places
        Which phone's mean stands for each phone, shape (draws, phones); its own if None. With one matrix of products
        any number of draws.
    weights
        What a, b and c are multiplied by.

    Returns
    -------
    Shape (draws, analogies).
    """
    if places is None:
        places = np.tile(np.arange(products.shape[1]), (len(products), 1))
    hits = np.empty((len(places), len(quads)), np.bool_)
    _hits(np.ascontiguousarray(products), places, quads, weights, similarity == "cosine", hits)
    return hits


def ranks_of(
    products: NDArray[np.float64], quads: NDArray[np.int64], similarity: Similarity
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rank of d among the phones other than a, b and c, and the nearest of them; each shape (analogies,).

    Parameters
    ----------
    products
        Shape (phones, phones), as in `hits_of`.
    """
    squares = products.diagonal()
    a, b, c, d = quads.T
    scores = products[b] - products[a] + products[c]
    norms = np.sqrt(np.where(squares > 0, squares, 1.0))
    scores = scores / norms if similarity == "cosine" else 2 * scores - squares
    rows = np.arange(len(quads))
    own = scores[rows, d].copy()
    scores[rows[:, None], quads[:, :3]] = -np.inf
    ranks = (scores >= own[:, None]).sum(axis=1)
    # where others are as near as d, one of them is the answer, so that an answer d is a hit
    scores[rows, d] = np.where(ranks > 1, -np.inf, own)
    return ranks, scores.argmax(axis=1)


def permuted_places(groups: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Return n permutations of the phones that keep each within its group, shape (n, phones)."""
    random = np.random.default_rng(seed)
    places = np.tile(np.arange(len(groups)), (n, 1))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        places[:, members] = random.permuted(np.tile(members, (n, 1)), axis=1)
    return places


def solve(
    analogies: Analogies,
    products: NDArray[np.float64],
    groups: NDArray[np.int64],
    *,
    similarity: Similarity = "cosine",
    permutations: int = 999,
    seed: int = 0,
) -> Solved | None:
    """Solve analogies by the arithmetic of mean activations (the linear structure that Mikolov et al. 2013 describe).

    Parameters
    ----------
    analogies
        Those of the phones, see `phonoscope.phonology.analogies.find_analogies`.
    products
        ``m_i · m_j`` of the means, centred; shape (1 + draws, phones, phones): of all samples first, then of the
        bootstrap's (`phonoscope.evaluation.resampling.mean_products`).
    groups
        The group of each phone, shape (phones,); permutations stay within groups.
    similarity
        See `hits_of`.
    permutations, seed
        Number of permutations of the phones, and their seed.

    Returns
    -------
    None where there is no analogy, or no phone beside a, b, c and d.
    """
    quads = analogies.quads
    if not len(quads) or len(analogies.phones) < _FEWEST:
        return None
    names, numbers, weights = analogies.shares()
    hits = hits_of(products, quads, similarity)
    shares = _averages(hits, weights)
    places = permuted_places(groups, permutations, seed)
    permuted = _averages(hits_of(products[:1], quads, similarity, places=places), weights)
    bounds = [interval(shares[1:, i], shares[0, i]) for i in range(len(names))]
    ranks, answers = ranks_of(products[0], quads, similarity)
    return Solved(
        ranks=ranks,
        answers=answers,
        names=names,
        numbers=numbers,
        share=shares[0],
        low=np.array([low for low, _ in bounds]),
        high=np.array([high for _, high in bounds]),
        nearest=_averages(hits_of(products[:1], quads, similarity, weights=_THIRD), weights)[0],
        chance=permuted.mean(axis=0),
        chance_high=np.quantile(permuted, 0.95, axis=0),
        p_value=(1 + (permuted >= shares[0]).sum(axis=0)) / (1 + permutations),
        rank=np.array([float(np.median(ranks[row > 0])) for row in weights]),
    )


def _averages(hits: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    # rounded, so that shares that are equal compare so
    return np.round(hits @ weights.T, 12)
