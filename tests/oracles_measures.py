"""Naive references of the measures, in loops over labels and samples."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


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
