"""All measures of clusters against phones, from tables of counts, for many tables at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from phonoscope.evaluation.information import information
from phonoscope.parallel import slices

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CELLS = 1 << 20  # of the tables worked on at a time: the memory needed does not grow with the number of tables
_ROUNDING = 1e-12


def cluster_measures(counts: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Measure how well clusters match phones, by every measure of the field.

    With n_pc the counts, a_p and b_c the sums of rows and columns, and N the sum of all:

    - ``precision``, ``recall``, ``f_measure``: the paper's, see `phonoscope.evaluation.separability.separability`;
      means over the phones that have samples.
    - ``phone_purity``: ``sum_c max_p n_pc / N``. As HuBERT's paper defines it (Hsu et al. 2021):
      the share of samples that are right if each cluster is transcribed as its most likely phone. This is what
      clustering calls purity, and `Separability.purity`.
    - ``cluster_purity``: ``sum_p max_c n_pc / N``. The same paper's counterpart: the share of samples that lie in the
      most likely cluster of their phone (inverse purity).
    - ``pnmi``: ``I(phone; cluster) / H(phone)``, the same paper's.
    - ``homogeneity``, ``completeness``, ``v_measure``: ``I / H(phone)`` (so the same figure as ``pnmi``),
      ``I / H(cluster)`` and the harmonic mean of the two (Rosenberg and Hirschberg 2007).
    - ``ari``: adjusted Rand index (Hubert and Arabie 1985).
    - ``ami``: ``(I - E[I]) / ((H(phone) + H(cluster)) / 2 - E[I])``, adjusted mutual information (Vinh et al. 2010).
    - ``accuracy``: the share of samples that are right if each cluster is given to at most one phone and each phone has
      at most one cluster, in the best way (Kuhn 1955).

    With one phone ``pnmi`` and ``homogeneity`` are 1, with one cluster ``completeness`` is 1; ``ami`` is then 0, and 1
    if there are one phone and one cluster. ``ari`` and ``ami`` are 1 where both labellings give every sample a label of
    its own. All as scikit-learn has it.

    Parameters
    ----------
    counts
        Samples of each phone in each cluster, whole numbers of any type, shape (..., phones, clusters). A phone or a
        cluster may have none.

    Returns
    -------
    The measures in the order above, each of shape (...), which is () for a single table.

    Raises
    ------
    ValueError
        The counts are no tables, or not whole numbers from 0, or a table has no sample.
    """
    tables = _whole(counts)
    leading = tables.shape[:-2]
    flat = tables.reshape(-1, *tables.shape[-2:])
    size = max(1, _CELLS // (flat.shape[1] * flat.shape[2]))
    parts = [_measures(flat[rows]) for rows in slices(len(flat), size)] or [_measures(flat)]
    return {name: np.concatenate([part[name] for part in parts]).reshape(leading) for name in parts[0]}


def _whole(counts: NDArray[Any]) -> NDArray[np.int64]:
    given = np.asarray(counts)
    if given.ndim < 2 or 0 in given.shape[-2:]:  # noqa: PLR2004 - phones and clusters
        msg = f"counts need the shape (..., phones, clusters), not {given.shape}"
        raise ValueError(msg)
    if not np.isfinite(given).all() or (given < 0).any() or (given != np.floor(given)).any():
        msg = "counts need to be whole numbers from 0"
        raise ValueError(msg)
    tables = given.astype(np.int64)
    if (tables.sum(axis=(-2, -1)) == 0).any():
        msg = "there is no sample to measure"
        raise ValueError(msg)
    return tables


def _measures(counts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    total = counts.sum(axis=(1, 2)).astype(np.float64)
    precision, recall = _precision_and_recall(counts)
    known = information(counts)
    homogeneity = _over(known.mutual, known.phones, otherwise=1.0)
    completeness = _over(known.mutual, known.clusters, otherwise=1.0)
    return {
        "precision": precision,
        "recall": recall,
        "f_measure": _harmonic_means(precision, recall),
        "phone_purity": counts.max(axis=1).sum(axis=1) / total,
        "cluster_purity": counts.max(axis=2).sum(axis=1) / total,
        "pnmi": homogeneity,
        "homogeneity": homogeneity.copy(),
        "completeness": completeness,
        "v_measure": _harmonic_means(homogeneity, completeness),
        "ari": _adjusted_rand(counts),
        # where not even chance can be worse than perfect, everything is perfect
        "ami": _over(known.mutual - known.expected, (known.phones + known.clusters) / 2 - known.expected, otherwise=1.0)
        * _split_or_both_whole(counts),
        "accuracy": _matched(counts) / total,
    }


def _precision_and_recall(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    samples = counts.sum(axis=2)
    owned = counts.argmax(axis=1)[:, None, :] == np.arange(counts.shape[1])[None, :, None]
    right = (counts * owned).sum(axis=2)
    claimed = (counts.sum(axis=1)[:, None, :] * owned).sum(axis=2)
    present = (samples > 0).sum(axis=1)  # phones without samples have no true positives, so they add 0 to the sums
    return (
        (right / np.maximum(claimed, 1)).sum(axis=1) / present,
        (right / np.maximum(samples, 1)).sum(axis=1) / present,
    )


def _adjusted_rand(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    def pairs(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        floats = numbers.astype(np.float64)
        return np.asarray((floats * (floats - 1) / 2).sum(axis=tuple(range(1, numbers.ndim))), np.float64)

    together = pairs(counts)
    phones, clusters = pairs(counts.sum(axis=2)), pairs(counts.sum(axis=1))
    every = pairs(counts.sum(axis=(1, 2))[:, None])
    expected = phones * clusters / np.maximum(every, 1)
    agree = (phones == together) & (clusters == together)
    return np.where(agree, 1.0, _over(together - expected, (phones + clusters) / 2 - expected, otherwise=1.0))


def _split_or_both_whole(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return 0 where only one of the two labellings has a single label, which tells nothing of the other, else 1."""
    phones = (counts.sum(axis=2) > 0).sum(axis=1)
    clusters = (counts.sum(axis=1) > 0).sum(axis=1)
    return np.where((phones == 1) != (clusters == 1), 0.0, 1.0)


def _matched(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.array([table[linear_sum_assignment(table, maximize=True)].sum() for table in counts], np.float64)


def _over(a: NDArray[np.float64], b: NDArray[np.float64], *, otherwise: float) -> NDArray[np.float64]:
    """Divide, where b is not zero but for rounding."""
    found = np.full(len(a), otherwise)
    np.divide(a, b, out=found, where=np.abs(b) > _ROUNDING)
    return found


def _harmonic_means(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    both = a + b
    found = np.zeros(len(a))
    np.divide(2 * a * b, both, out=found, where=both > 0)
    return found
