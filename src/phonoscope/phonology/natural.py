"""The natural class that fits an inferred class of phones best, and whether it fits better than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from phonoscope.phones.features import feature_table
from phonoscope.phones.inventory import Inventory, french
from phonoscope.phonology.conjunctions import class_name, conjunctions, in_order
from phonoscope.phonology.fits import TIE, f_measures, holm, is_one_phone, permuted_fits

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from phonoscope.phones.features import FeatureTable

ALPHA: Final = 0.05
"""A natural class is a significant finding when its corrected p-value is at most this."""


@dataclass(frozen=True)
class NaturalClass:
    """The natural class that fits a cluster best.

    Attributes
    ----------
    features
        The terms that all its phones have and that no other phone has all of, in the order of a description; empty for
        a single phone that no terms tell from the others.
    name
        In English: "voiceless plosives"; for a single phone "/s/ alone".
    phones
        Its phones, in the table's order.
    precision, recall, f_measure
        How well it fits; see `natural_classes`.
    p_value
        Share of random feature assignments under which some class fits at least as well; 1 for a single phone.
    p_corrected
        The same, corrected for the number of clusters that were named together.
    """

    features: tuple[str, ...]
    name: str
    phones: tuple[str, ...]
    precision: float
    recall: float
    f_measure: float
    p_value: float
    p_corrected: float

    @property
    def significant(self) -> bool:
        """Whether the fit beats chance at `ALPHA`; if not, the cluster is no natural class, and this the nearest."""
        return self.p_corrected <= ALPHA


@dataclass(frozen=True)
class LayerNaturalness:
    """How phonological the clusters of one layer are.

    Attributes
    ----------
    classes
        The best natural class of each cluster.
    phi
        0 at chance, 1 where every cluster is a natural class exactly, below 0 where the clusters fit worse than
        chance; None where it is undefined, as the clusters would fit random features perfectly too (each one phone).
    p_value
        Share of random feature assignments that fit the layer at least as well; None where `phi` is.
    """

    classes: tuple[NaturalClass, ...]
    phi: float | None
    p_value: float | None


def natural_classes(
    counts: NDArray[Any],
    sizes: NDArray[Any],
    table: FeatureTable,
    *,
    n_permutations: int = 9_999,
    seed: int = 0,
) -> LayerNaturalness:
    """Name each cluster by the natural class that fits it best, and test the fits.

    With ``w_pc = counts_pc / sizes_p``, the share of phone p's samples in cluster c, so that all phones count alike::

        precision = Σ_{p ∈ S} w_pc / Σ_p w_pc      recall = Σ_{p ∈ S} w_pc / |S|
        F = 2 Σ_{p ∈ S} w_pc / (Σ_p w_pc + |S|)

    The best S has the highest F, of equals the fewest terms, then the table's order of terms. It is any conjunction of
    terms but the class of all phones, or one phone alone.

    The p-value is that of a permutation test: which known phone has which features is permuted, the clusters stay, and
    the best F over all classes is compared, ``p = (1 + #{F_perm ≥ F}) / (1 + n_permutations)``. The search for the
    best class is so a part of the test. A phone alone is a class whatever the features, so a cluster that one phone
    fits best has p = 1. Where no set of several phones could fit better than one, the cluster *is* that phone, and
    takes no part in the correction for the number of clusters (Holm 1979).

    For the layer, with M the mean of the clusters' best F, weighted by their Σ_p w_pc, and the same permutations::

        phi = (M - mean M_perm) / (1 - mean M_perm)

    Parameters
    ----------
    counts
        Samples of each phone in each cluster, shape (phones, clusters).
    sizes
        Samples of each phone, shape (phones,); a phone of none is in no class.
    table
        The terms of the phones, in the order of the counts. Unknown phones are in no class of several phones, and
        lower the precision of these.
    n_permutations
        At least 1. No p-value is below ``1 / (1 + n_permutations)``.
    seed
        Of the permutations.

    Raises
    ------
    ValueError
        The shapes do not fit, a count is negative, a phone's counts add up to more than its size, a cluster is empty,
        or `n_permutations` is below 1.
    """
    counts, sizes = np.asarray(counts, np.float64), np.asarray(sizes, np.float64)
    _check(counts, sizes, table, n_permutations)
    weights = counts / np.where(sizes > 0, sizes, 1.0)[:, None]
    mass = weights.sum(axis=0)
    classes = conjunctions(table, sizes > 0)
    fits = f_measures(classes.members, weights, mass)
    best = (fits >= fits.max(axis=0) - TIE).argmax(axis=0)  # the first of equals: the classes are in that order
    observed = fits[best, np.arange(len(mass))]

    alone = 2 * weights.max(axis=0) / (mass + 1)
    known = table.known & (sizes > 0)
    several = classes.members[classes.members.sum(axis=1) > 1][:, known]
    share = mass / mass.sum()
    layer = float(observed @ share)
    exceeding, layer_exceeding, layer_sum = np.zeros(len(mass), np.int64), 0, 0.0
    # many small products: on a busy machine, threads that wait for each other take ten times as long
    with threadpool_limits(1, user_api="blas"):
        for permuted in permuted_fits(several, weights[known], mass, alone, n=n_permutations, seed=seed):
            exceeding += (permuted >= observed - TIE).sum(axis=0)
            layers = permuted @ share
            layer_exceeding += int((layers >= layer - TIE).sum())
            layer_sum += float(layers.sum())

    p_values = (1 + exceeding) / (1 + n_permutations)
    tested = ~is_one_phone(weights[known], mass, alone)
    corrected = np.ones(len(mass))
    corrected[tested] = holm(p_values[tested])
    named = []
    for c, (conjunction, members) in enumerate((classes.terms[b], classes.members[b]) for b in best):
        found = float(weights[members, c].sum())
        named.append(
            NaturalClass(
                features=in_order(conjunction),
                name=class_name(conjunction, table, members),
                phones=tuple(np.array(table.phones)[members].tolist()),
                precision=found / float(mass[c]),
                recall=found / int(members.sum()),
                f_measure=float(observed[c]),
                p_value=float(p_values[c]),
                p_corrected=float(corrected[c]),
            )
        )
    chance = layer_sum / n_permutations
    if chance > 1 - TIE:
        return LayerNaturalness(tuple(named), None, None)
    phi, p_value = (layer - chance) / (1 - chance), (1 + layer_exceeding) / (1 + n_permutations)
    return LayerNaturalness(tuple(named), phi, p_value)


def natural_class(
    phones: Collection[str] | Mapping[str, float],
    inventory: Inventory | Mapping[str, str] | None = None,
    *,
    n_permutations: int = 9_999,
    seed: int = 0,
) -> NaturalClass:
    """Find the natural class that fits a set of phones best.

    Always the best there is; `NaturalClass.significant` tells whether it is more than chance. See `natural_classes`.

    Parameters
    ----------
    phones
        Labels of the inventory, or a mapping from label to the share of that phone's samples, between 0 and 1.
    inventory
        The phones of the language, or a mapping from label to IPA sign; the 33 phones of French by default.
    n_permutations, seed
        Of the permutation test.

    Raises
    ------
    ValueError
        There is no phone, one is not in the inventory, or a share is not between 0 and 1.

    Examples
    --------
    >>> natural_class({"p", "t", "k"}).name
    'voiceless plosives'
    """
    inventory = french() if inventory is None else inventory
    table = feature_table(inventory.ipa if isinstance(inventory, Inventory) else inventory)
    shares = phones if isinstance(phones, Mapping) else dict.fromkeys(phones, 1.0)
    strange = [phone for phone in shares if phone not in table.phones]
    if strange:
        msg = f"{', '.join(map(repr, strange))}: not in the inventory, whose phones are {' '.join(table.phones)}"
        raise ValueError(msg)
    counts = np.array([[shares.get(phone, 0.0)] for phone in table.phones])
    sizes = np.ones(len(table.phones))
    return natural_classes(counts, sizes, table, n_permutations=n_permutations, seed=seed).classes[0]


def _check(counts: NDArray[np.float64], sizes: NDArray[np.float64], table: FeatureTable, n_permutations: int) -> None:
    """Raise `ValueError` for counts that can not be counts of these phones."""
    if counts.ndim != 2 or not counts.shape[0] == len(sizes) == len(table.phones):  # noqa: PLR2004
        shapes = f"{counts.shape} and {sizes.shape} for {len(table.phones)} phones"
        msg = f"counts are phones × clusters, and sizes one a phone of the table, not {shapes}"
        raise ValueError(msg)
    # written so that NaN fails too
    if not ((counts >= 0).all() and (counts.sum(axis=1) <= sizes * (1 + TIE)).all()):
        msg = "counts are not negative, and those of a phone add up to its size at the most"
        raise ValueError(msg)
    if not (counts.size and counts.any(axis=0).all()):
        msg = "there has to be a cluster, and in every cluster a sample"
        raise ValueError(msg)
    if n_permutations < 1:
        msg = f"a permutation test needs at least one permutation, not {n_permutations}"
        raise ValueError(msg)
