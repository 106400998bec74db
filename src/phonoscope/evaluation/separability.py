"""Precision, recall and F-measure of clusters against phones, as the paper counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Separability:
    """How well clusters separate phones.

    Attributes
    ----------
    precision, recall
        Means over all phones; a phone that owns no cluster counts 0 for both.
    f_measure
        Harmonic mean of `precision` and `recall`: the paper's figure.
    purity
        Share of the samples that lie in a cluster of their own phone; with one label a sample this is also the
        micro-averaged precision, recall and F-measure.
    found_precision, found_recall, found_f_measure
        The same means over the phones that own a cluster.
    per_phone
        A row a phone, in sorted order: phone, n_samples, n_clusters, precision, recall, f_measure.
    owner
        The phone that each cluster belongs to, by cluster label.
    """

    precision: float
    recall: float
    f_measure: float
    purity: float
    found_precision: float
    found_recall: float
    found_f_measure: float
    n_samples: int
    n_phones: int
    n_phones_found: int
    per_phone: pl.DataFrame
    owner: dict[Any, str]


def contingency(
    phones: Sequence[str] | NDArray[Any], clusters: Sequence[int] | NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Count the samples of each phone in each cluster.

    Parameters
    ----------
    phones, clusters
        Labels, one of each a sample.

    Returns
    -------
    The phones, sorted; the cluster labels, sorted; the counts, shape (phones, clusters).

    Raises
    ------
    ValueError
        The two have different lengths, or are empty.
    """
    phone_array, cluster_array = np.asarray(phones), np.asarray(clusters)
    if phone_array.ndim != 1 or phone_array.shape != cluster_array.shape:
        shapes = f"{phone_array.shape} and {cluster_array.shape}"
        msg = f"phones and clusters need one label a sample each, not shapes {shapes}"
        raise ValueError(msg)
    if len(phone_array) == 0:
        msg = "there is no sample to measure"
        raise ValueError(msg)
    names, phone_index = np.unique(phone_array, return_inverse=True)
    labels, cluster_index = np.unique(cluster_array, return_inverse=True)
    counts = np.zeros((len(names), len(labels)), np.int64)
    np.add.at(counts, (phone_index, cluster_index), 1)
    return names, labels, counts


def separability(phones: Sequence[str] | NDArray[Any], clusters: Sequence[int] | NDArray[Any]) -> Separability:
    """Measure how well clusters separate phones (Pellegrini and Mouysset 2016, section 3.3).

    A cluster belongs to its most frequent phone, the first in sorted order of equally frequent ones. Several clusters
    may belong to one phone and then count together. With tp, fp and fn counted per phone::

        P = tp / (tp + fp)      R = tp / (tp + fn)      F = 2 P R / (P + R)

    P and R are averaged over the phones, and F is the harmonic mean of the two averages. A phone that owns no cluster
    has P = R = 0.

    Parameters
    ----------
    phones
        The phone of each sample, shape (n,).
    clusters
        The cluster of each sample, shape (n,); any labels.

    Raises
    ------
    ValueError
        The two have different lengths, or are empty.
    """
    names, labels, counts = contingency(phones, clusters)
    owner = counts.argmax(axis=0)
    owned = owner[None, :] == np.arange(len(names))[:, None]
    true_positive = (counts * owned).sum(axis=1)
    claimed = (counts.sum(axis=0)[None, :] * owned).sum(axis=1)
    precision = true_positive / np.maximum(claimed, 1)
    recall = true_positive / counts.sum(axis=1)
    found = owned.any(axis=1)
    mean_precision, mean_recall = float(precision.mean()), float(recall.mean())
    found_precision, found_recall = float(precision[found].mean()), float(recall[found].mean())
    per_phone = pl.DataFrame(
        {
            "phone": [str(name) for name in names],
            "n_samples": counts.sum(axis=1),
            "n_clusters": owned.sum(axis=1),
            "precision": precision,
            "recall": recall,
            "f_measure": [harmonic_mean(p, r) for p, r in zip(precision, recall, strict=True)],
        }
    )
    return Separability(
        precision=mean_precision,
        recall=mean_recall,
        f_measure=harmonic_mean(mean_precision, mean_recall),
        purity=float(true_positive.sum() / counts.sum()),
        found_precision=found_precision,
        found_recall=found_recall,
        found_f_measure=harmonic_mean(found_precision, found_recall),
        n_samples=int(counts.sum()),
        n_phones=len(names),
        n_phones_found=int(found.sum()),
        per_phone=per_phone,
        owner={label: str(names[o]) for label, o in zip(labels.tolist(), owner, strict=True)},
    )


def harmonic_mean(a: float, b: float) -> float:
    """Return ``2 a b / (a + b)``, and 0 where both are 0."""
    return float(2 * a * b / (a + b)) if a + b > 0 else 0.0
