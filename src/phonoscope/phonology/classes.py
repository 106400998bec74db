"""The classes that a clustering has inferred: the phones of each cluster, and how far each phone is spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.evaluation.separability import contingency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# a phone belongs to the class that has at least this share of its samples, so to one class at the most, or two of equal
_MEMBER = 0.5
# and is named beside the members where at least this share of its samples is
_COMPANION = 0.2


@dataclass(frozen=True)
class PhoneShare:
    """A phone in a class: how many of its samples are there, and what share of them all."""

    phone: str
    samples: int
    share: float


@dataclass(frozen=True)
class InferredClass:
    """One cluster, as a class of phones.

    Attributes
    ----------
    cluster
        Its label.
    samples
        Samples in it.
    phones
        Every phone with a sample in it, the largest share first.
    members
        The phones that have at least half of their samples in it.
    covered
        Share of the members' samples that lie in it; None without a member. The paper's "82.7 % of /y i e/".
    companions
        Further phones that have at least a fifth of their samples in it. The paper's "with /H/".
    """

    cluster: int
    samples: int
    phones: tuple[PhoneShare, ...]
    members: tuple[str, ...]
    covered: float | None
    companions: tuple[str, ...]


@dataclass(frozen=True)
class Spread:
    """How far one phone is spread over the classes.

    Attributes
    ----------
    entropy
        Of the phone's samples over the classes, bits: 0 where all are in one.
    effective
        ``2 ** entropy``: over how many classes it is spread, as if evenly.
    largest
        The largest share of its samples in one class.
    """

    phone: str
    entropy: float
    effective: float
    largest: float


def infer_classes(
    phones: Sequence[str], labels: Sequence[int] | NDArray[Any]
) -> tuple[tuple[InferredClass, ...], tuple[Spread, ...]]:
    """Read clusters as classes of phones.

    Parameters
    ----------
    phones, labels
        The phone and the cluster of each sample, shape (n,).

    Returns
    -------
    The classes, those with the most members first (then by samples); the spread of each phone, the widest first.

    Raises
    ------
    ValueError
        The two have different lengths, or are empty.
    """
    names, clusters, counts = contingency(phones, labels)
    shares = counts / counts.sum(axis=1, keepdims=True)
    classes = []
    for c, cluster in enumerate(clusters.tolist()):
        there = [i for i in np.lexsort((np.arange(len(names)), -shares[:, c])) if counts[i, c]]
        members = [i for i in there if shares[i, c] >= _MEMBER]
        covered = float(counts[members, c].sum() / counts[members].sum()) if members else None
        classes.append(
            InferredClass(
                cluster=int(cluster),
                samples=int(counts[:, c].sum()),
                phones=tuple(PhoneShare(str(names[i]), int(counts[i, c]), float(shares[i, c])) for i in there),
                members=tuple(str(names[i]) for i in members),
                covered=covered,
                companions=tuple(str(names[i]) for i in there if _COMPANION <= shares[i, c] < _MEMBER),
            )
        )
    classes.sort(key=lambda one: (-len(one.members), -one.samples, one.cluster))
    return tuple(classes), tuple(sorted(map(_spread, map(str, names), shares), key=lambda s: (-s.entropy, s.phone)))


def _spread(phone: str, share: NDArray[np.float64]) -> Spread:
    present = share[share > 0]
    entropy = float(-(present * np.log2(present)).sum()) + 0.0  # no minus before a zero
    return Spread(phone, entropy, float(2**entropy), float(share.max()))
