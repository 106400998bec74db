"""Naive references for natural classes: every conjunction tried, every permutation gone through.

None of it is taken from the package: where the two agree, two people have read the formula in the same way.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Phones = frozenset[str]


class Best(NamedTuple):
    terms: tuple[str, ...]
    phones: Phones
    precision: Fraction
    recall: Fraction
    f_measure: Fraction


def all_conjunctions(terms: Sequence[str], holds: Mapping[str, set[str]]) -> dict[Phones, tuple[str, ...]]:
    """Each class that any of the 2^terms conjunctions picks out, with the first of its shortest ones.

    `holds` gives the terms that hold of each known phone. The class of all of them is left out.
    """
    found: dict[Phones, tuple[str, ...]] = {}
    for length in range(1, len(terms) + 1):
        for conjunction in itertools.combinations(terms, length):  # in the order of the terms
            phones = frozenset(phone for phone, held in holds.items() if all(term in held for term in conjunction))
            if phones and len(phones) < len(holds) and phones not in found:
                found[phones] = conjunction
    return found


def with_single_phones(classes: dict[Phones, tuple[str, ...]], phones: Sequence[str]) -> dict[Phones, tuple[str, ...]]:
    single: dict[Phones, tuple[str, ...]] = {frozenset([phone]): () for phone in phones}
    return {**classes, **{phone: terms for phone, terms in single.items() if phone not in classes}}


def fit(phones: Phones, weights: Mapping[str, Fraction]) -> tuple[Fraction, Fraction, Fraction]:
    """Precision, recall and their harmonic mean."""
    inside = sum((weights[phone] for phone in phones), Fraction(0))
    precision = inside / sum(weights.values(), Fraction(0))
    recall = inside / len(phones)
    if precision + recall == 0:
        return Fraction(0), Fraction(0), Fraction(0)
    return precision, recall, 2 * precision * recall / (precision + recall)


def best_class(classes: Mapping[Phones, tuple[str, ...]], weights: Mapping[str, Fraction]) -> Best:
    """The highest F; the classes come with the fewest and earliest terms first, and `max` takes the first of equals."""
    phones = max(classes, key=lambda candidate: fit(candidate, weights)[2])
    return Best(classes[phones], phones, *fit(phones, weights))


def permuted_best(
    terms: Sequence[str], holds: Mapping[str, set[str]], clusters: Sequence[Mapping[str, Fraction]]
) -> list[list[Fraction]]:
    """The best F of each cluster under every one of the n! ways to deal the features out to the known phones."""
    rows = []
    for order in itertools.permutations(holds):
        dealt = {phone: holds[other] for phone, other in zip(holds, order, strict=True)}
        classes = with_single_phones(all_conjunctions(terms, dealt), list(clusters[0]))
        rows.append([best_class(classes, weights).f_measure for weights in clusters])
    return rows


def best_fit_of_any_set(phones: Sequence[str], weights: Mapping[str, Fraction], at_least: int) -> Fraction:
    """The best F of any set of so many phones, whatever terms hold of them."""
    sizes = range(at_least, len(phones) + 1)
    sets = (frozenset(chosen) for n in sizes for chosen in itertools.combinations(phones, n))
    return max((fit(chosen, weights)[2] for chosen in sets), default=Fraction(0))


def holm(p_values: Sequence[float]) -> list[float]:
    """The smallest level at which Holm's procedure, going up from the smallest p-value, rejects each hypothesis."""
    n = len(p_values)
    ascending = sorted(range(n), key=lambda i: p_values[i])
    corrected = [0.0] * n
    for rank, i in enumerate(ascending):
        # rejected at a level when this one and all smaller ones pass their own thresholds, level / (n - rank)
        needed = [(n - r) * p_values[j] for r, j in enumerate(ascending[: rank + 1])]
        corrected[i] = min(1.0, max(needed))
    return corrected
