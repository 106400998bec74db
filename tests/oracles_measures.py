"""Naive references of the measures, in loops over labels and samples."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating]


def phone_purity(phones: Sequence[str], clusters: Sequence[int]) -> float:
    """Transcribe each cluster as its most frequent phone; the share that is right."""
    best = {c: Counter(p for p, d in zip(phones, clusters, strict=True) if d == c).most_common(1)[0] for c in clusters}
    return sum(number for _, number in best.values()) / len(phones)


def cluster_purity(phones: Sequence[str], clusters: Sequence[int]) -> float:
    """Give each phone its most frequent cluster; the share that lies there."""
    best = {p: Counter(c for q, c in zip(phones, clusters, strict=True) if q == p).most_common(1)[0] for p in phones}
    return sum(number for _, number in best.values()) / len(phones)


def pnmi(phones: Sequence[str], clusters: Sequence[int]) -> float:
    """1 - H(phone | cluster) / H(phone), from the definition of a conditional entropy."""
    n = len(phones)
    entropy = -sum(a / n * math.log(a / n) for a in Counter(phones).values())
    sizes = Counter(clusters)
    joint = Counter(zip(phones, clusters, strict=True))
    conditional = -sum(m / n * math.log(m / sizes[c]) for (_, c), m in joint.items())
    return 1 - conditional / entropy if entropy > 0 else 1.0


# --- activations ---


def distance(x: Floats, y: Floats, metric: str) -> float:
    """Round: distances that are equal but for rounding are equal."""
    if metric == "euclidean":
        return round(math.dist(x, y), 9)
    lengths = math.hypot(*x) * math.hypot(*y)
    if lengths == 0:
        return 0.0 if math.hypot(*x) == math.hypot(*y) else 1.0
    return round(1 - math.fsum(a * b for a, b in zip(x, y, strict=True)) / lengths, 9)


def abx_error(
    X: Floats, phones: Sequence[Any], speakers: Sequence[Any], mode: str, metric: str, x: int
) -> float | None:
    """Go through every triple of one X; None where there is none."""
    samples = range(len(X))
    if mode == "any":
        pools = [[i for i in samples if i != x]]
    elif mode == "within":
        pools = [[i for i in samples if i != x and speakers[i] == speakers[x]]]
    else:
        pools = [[i for i in samples if speakers[i] == s] for s in sorted(set(speakers) - {speakers[x]})]
    errors = []
    for other in sorted(set(phones) - {phones[x]}):
        shares = []
        for pool in pools:
            triples = [
                (distance(X[a], X[x], metric), distance(X[b], X[x], metric))
                for a in pool
                for b in pool
                if phones[a] == phones[x] and phones[b] == other
            ]
            if triples:
                shares.append(
                    sum(1.0 if to_a > to_b else 0.5 * (to_a == to_b) for to_a, to_b in triples) / len(triples)
                )
        if shares:
            errors.append(sum(shares) / len(shares))
    return sum(errors) / len(errors) if errors else None


def knn_answer(
    X: Floats, phones: Sequence[Any], groups: Sequence[Any], k: int, metric: str, x: int
) -> tuple[Any, set[Any]]:
    """Return the answer of the neighbours (None: there are none) and the phones that it could have been."""
    several = len(set(groups)) > 1
    others = [i for i in range(len(X)) if (groups[i] != groups[x] if several else i != x)]
    nearest = sorted(others, key=lambda i: (distance(X[i], X[x], metric), i))[:k]
    votes = [phones[i] for i in nearest]
    most = max((votes.count(v) for v in votes), default=0)
    return next((v for v in votes if votes.count(v) == most), None), {phones[i] for i in others}


def mean_over_phones(outcomes: Sequence[float], phones: Sequence[int], weights: Sequence[float]) -> float:
    means = []
    for phone in sorted(set(phones)):
        own = [
            (w, o) for o, p, w in zip(outcomes, phones, weights, strict=True) if p == phone and not math.isnan(o) and w
        ]
        if own:
            means.append(sum(w * o for w, o in own) / sum(w for w, _ in own))
    return sum(means) / len(means) if means else math.nan
