"""Whether two clusterings of phones join the same phones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import adjusted_rand_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_AT_ONCE = 10_000  # permutations in memory

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ClassAgreement:
    """How far two ways to class the same phones agree.

    Attributes
    ----------
    phones
        Those that both have, in the first one's order.
    ari
        Adjusted Rand index (Hubert and Arabie 1985): 1 for the same classes, 0 as by chance.
    p_value
        Share of random exchanges of the phones with at least this index.
    both, only_a, only_b
        Pairs of phones that are in one class: in both ways, in the first only, in the second only.
    identical
        Classes that are the same in both, the largest first.
    """

    phones: tuple[str, ...]
    ari: float
    p_value: float
    both: Pairs
    only_a: Pairs
    only_b: Pairs
    identical: tuple[tuple[str, ...], ...]


def class_agreement(
    a: Mapping[str, int], b: Mapping[str, int], *, n_permutations: int, seed: int
) -> ClassAgreement | None:
    """Compare the classes of the phones that both have; None if these are fewer than three.

    Parameters
    ----------
    a, b
        The class of each phone.
    n_permutations, seed
        Of the p-value.
    """
    phones = tuple(phone for phone in a if phone in b)
    if len(phones) < 3:  # noqa: PLR2004 - of two phones there is one pair
        return None
    of_a = np.unique([a[phone] for phone in phones], return_inverse=True)[1]
    of_b = np.unique([b[phone] for phone in phones], return_inverse=True)[1]
    pairs: dict[tuple[bool, bool], list[tuple[str, str]]] = {}
    for i, j in combinations(range(len(phones)), 2):
        key = bool(of_a[i] == of_a[j]), bool(of_b[i] == of_b[j])
        pairs.setdefault(key, []).append((phones[i], phones[j]))
    return ClassAgreement(
        phones=phones,
        ari=float(adjusted_rand_score(of_a, of_b)),
        p_value=_p_value(of_a, of_b, n_permutations, seed),
        both=tuple(pairs.get((True, True), ())),
        only_a=tuple(pairs.get((True, False), ())),
        only_b=tuple(pairs.get((False, True), ())),
        identical=_identical(phones, of_a, of_b),
    )


def _p_value(a: NDArray[np.int64], b: NDArray[np.int64], n: int, seed: int) -> float:
    """With the sizes of the classes fixed, the index grows with the pairs that both join: these are counted."""
    draws = np.random.default_rng(seed)
    cells = (int(a.max()) + 1) * (int(b.max()) + 1)

    def joined(others: NDArray[np.int64]) -> NDArray[np.int64]:
        places = a * (int(b.max()) + 1) + others + cells * np.arange(len(others))[:, None]
        counts = np.bincount(places.ravel(), minlength=cells * len(others)).reshape(len(others), cells)
        found: NDArray[np.int64] = (counts * (counts - 1) // 2).sum(axis=1)
        return found

    observed = joined(b[None])[0]
    as_many = 0
    for start in range(0, n, _AT_ONCE):
        size = min(_AT_ONCE, n - start)
        as_many += int((joined(draws.permuted(np.tile(b, (size, 1)), axis=1)) >= observed).sum())
    return (1 + as_many) / (1 + n)


def _identical(phones: tuple[str, ...], a: NDArray[np.int64], b: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    names = np.array(phones, object)
    sets = [[tuple(names[of == c]) for c in range(int(of.max()) + 1)] for of in (a, b)]
    return tuple(sorted(set(sets[0]) & set(sets[1]), key=lambda one: (-len(one), phones.index(one[0]))))
