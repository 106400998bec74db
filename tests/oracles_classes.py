"""Naive references for inferred classes: samples gone through one by one."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Class(NamedTuple):
    samples: int
    phones: dict[str, Fraction]
    members: set[str]
    covered: Fraction | None
    companions: set[str]


def share(phones: Sequence[str], labels: Sequence[int], phone: str, cluster: int) -> Fraction:
    """Of a phone's samples, those in a cluster."""
    own = [label for name, label in zip(phones, labels, strict=True) if name == phone]
    return Fraction(own.count(cluster), len(own))


def inferred_class(phones: Sequence[str], labels: Sequence[int], cluster: int) -> Class:
    shares = {phone: share(phones, labels, phone, cluster) for phone in set(phones)}
    members = {phone for phone, part in shares.items() if part >= Fraction(1, 2)}
    of_members = [label for name, label in zip(phones, labels, strict=True) if name in members]
    return Class(
        list(labels).count(cluster),
        {phone: part for phone, part in shares.items() if part},
        members,
        Fraction(of_members.count(cluster), len(of_members)) if members else None,
        {phone for phone, part in shares.items() if Fraction(1, 5) <= part < Fraction(1, 2)},
    )


def entropy(phones: Sequence[str], labels: Sequence[int], phone: str) -> float:
    """Of one phone's samples over the clusters, bits."""
    parts = [share(phones, labels, phone, cluster) for cluster in set(labels)]
    return math.fsum(-float(part) * math.log2(part) for part in parts if part)
