"""Slow, obvious twins of what is measured of linear structure and of speakers."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def analogy_ranks(means: NDArray[np.float64], quads: Sequence[Sequence[int]], similarity: str) -> list[int]:
    """Add and subtract vectors, and count how many phones are as near as the one sought."""
    centred = means - means.mean(axis=0)
    ranks = []
    for a, b, c, d in quads:
        aim = centred[b] - centred[a] + centred[c]

        def nearness(x: int, aim: NDArray[np.float64] = aim) -> float:
            if similarity == "cosine":
                return float(aim @ centred[x] / (np.linalg.norm(aim) * np.linalg.norm(centred[x])))
            return -float(np.linalg.norm(aim - centred[x]))

        others = [x for x in range(len(means)) if x not in (a, b, c)]
        ranks.append(sum(nearness(x) >= nearness(d) for x in others))
    return ranks


def analogies(bundles: dict[str, dict[str, str]]) -> set[tuple[str, str, str, str, str]]:
    """Every four phones of which one feature, and the same change of it, parts the first two and the last two."""

    def change(one: str, other: str) -> list[tuple[str, str, str]]:
        names = {*bundles[one], *bundles[other]}
        both = [(name, bundles[one].get(name, ""), bundles[other].get(name, "")) for name in names]
        return [(name, x, y) for name, x, y in both if x != y]

    return {
        (change(a, b)[0][0], a, b, c, d)
        for a, b, c, d in permutations(bundles, 4)
        if len(change(a, b)) == 1 and change(a, b) == change(c, d)
    }


def discriminants(
    train: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """Linear discriminants by the formula, with an inverse."""
    means = np.array([train[labels == phone].mean(axis=0) for phone in range(int(labels.max()) + 1)])
    residuals = train - means[labels]
    covariance = residuals.T @ residuals / len(train)
    d = len(covariance)
    shrunken = (1 - share) * covariance + share * np.trace(covariance) / d * np.eye(d)
    inverse = np.linalg.inv(shrunken)
    return np.array([[x @ inverse @ m - 0.5 * m @ inverse @ m for m in means] for x in test])


def components(X: NDArray[np.float64], phones: NDArray[np.int64], speakers: NDArray[np.int64]) -> list[float]:
    """The four components of the variance from the distances of all pairs of samples, one after the other."""
    cells = {}
    for p, s in set(zip(phones.tolist(), speakers.tolist(), strict=True)):
        cells[p, s] = X[(phones == p) & (speakers == s)]

    def half(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(np.mean([0.5 * ((x - y) ** 2).sum() for x in one for y in other]))

    kinds: dict[tuple[bool, bool], list[float]] = {}
    within = []
    for p in sorted(set(phones.tolist())):
        found: dict[tuple[bool, bool], list[float]] = {}
        sums, freedom = 0.0, 0
        for (q, s), own in cells.items():
            if q != p:
                continue
            sums += float(((own - own.mean(axis=0)) ** 2).sum())
            freedom += len(own) - 1
            for (r, t), other in cells.items():
                if (r, t) != (q, s):
                    found.setdefault((r == q, t == s), []).append(half(own, other))
        if freedom:
            within.append(sums / freedom)
        for kind, values in found.items():
            kinds.setdefault(kind, []).append(float(np.mean(values)))
    D_p, D_s, D = (float(np.mean(kinds[kind])) for kind in ((True, False), (False, True), (False, False)))
    E = float(np.mean(within))
    return [D - D_p, D - D_s, D_p + D_s - D - E, E]
