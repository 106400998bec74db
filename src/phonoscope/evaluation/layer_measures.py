"""All measures of one layer's activations, sample by sample, and the same for phones dealt out by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.evaluation.abx import MODES, triples
from phonoscope.evaluation.knn import neighbour_votes
from phonoscope.evaluation.linear_probe import probe_outcomes
from phonoscope.evaluation.outcomes import answerable, indices
from phonoscope.evaluation.ranking import Distances
from phonoscope.evaluation.silhouettes import silhouettes
from phonoscope.parallel import each
from phonoscope.reduction.distances import MEMORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Labels = Sequence[Any] | NDArray[Any]
    Outcomes = dict[str, NDArray[np.float64]]

LAYER_MEASURES = ("linear_probe", "knn", "abx_within", "abx_across", "silhouette")
NEIGHBOURS = 10


def layer_outcomes(
    X: NDArray[np.floating],
    phones: Labels,
    speakers: Labels,
    utterances: Labels,
    *,
    seed: int,
    products: NDArray[np.float64] | None = None,
    memory: float = MEMORY,
) -> Outcomes:
    """Measure one layer by every measure of `LAYER_MEASURES`.

    The probe is trained on, and neighbours are taken from, other speakers; where there is one speaker, other
    utterances; where there is one utterance, other samples.

    Parameters
    ----------
    X
        Samples × units, shape (n, d).
    phones, speakers, utterances
        The phone, the speaker and the utterance of each sample.
    seed
        Of the probe's folds.
    products
        What `phonoscope.reduction.distances.centred_products` gives for X, where it is known already.
    memory
        GB that products of all samples, and the parts of the probe that are fitted at a time, may take.

    Returns
    -------
    Outcomes by measure, each of shape (n,), NaN where a sample has none: all of ``abx_across`` if there is one speaker.
    """
    return _outcomes(X, indices(phones)[None], speakers, utterances, seed, products, memory)[0]


def chance_outcomes(
    X: NDArray[np.floating],
    phones: Labels,
    speakers: Labels,
    utterances: Labels,
    *,
    seed: int,
    products: NDArray[np.float64] | None = None,
    memory: float = MEMORY,
) -> Outcomes:
    """Measure one layer as `layer_outcomes` does, with the phones shuffled among the samples of each speaker.

    The outcome stands at the sample that the phone has been taken from, so that a measure's value by chance is
    `phonoscope.evaluation.outcomes.measure_value` with the true phones.
    """
    return layer_and_chance_outcomes(X, phones, speakers, utterances, seed=seed, products=products, memory=memory)[1]


def layer_and_chance_outcomes(
    X: NDArray[np.floating],
    phones: Labels,
    speakers: Labels,
    utterances: Labels,
    *,
    seed: int,
    products: NDArray[np.float64] | None = None,
    memory: float = MEMORY,
) -> tuple[Outcomes, Outcomes]:
    """Return what `layer_outcomes` and `chance_outcomes` return, in little more time than one of them takes."""
    label = indices(phones)
    taken_from = _shuffled_within(indices(speakers), seed)
    true, chance = _outcomes(X, np.stack([label, label[taken_from]]), speakers, utterances, seed, products, memory)
    back = np.empty_like(taken_from)
    back[taken_from] = np.arange(len(taken_from))
    return true, {name: outcome[back] for name, outcome in chance.items()}


def _shuffled_within(speaker: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    draws = np.random.default_rng(seed)
    taken_from = np.arange(len(speaker))
    for s in range(speaker.max(initial=-1) + 1):
        own = np.flatnonzero(speaker == s)
        taken_from[own] = draws.permutation(own)
    return taken_from


def _outcomes(
    X: NDArray[np.floating],
    labels: NDArray[np.int64],
    speakers: Labels,
    utterances: Labels,
    seed: int,
    products: NDArray[np.float64] | None,
    memory: float,
) -> list[Outcomes]:
    """Measure several labellings, shape (m, n), with one calculation of all that does not depend on the labels."""
    speaker = indices(speakers)
    group = speaker if speaker.max(initial=0) > 0 else indices(utterances)
    found = _by_distance(Distances(X, products, memory), labels, speaker, group)
    found["linear_probe"] = probe_outcomes(X, labels, group, seed, memory)
    return [{name: found[name][m] for name in LAYER_MEASURES} for m in range(len(labels))]


def _by_distance(
    distances: Distances, labels: NDArray[np.int64], speaker: NDArray[np.int64], group: NDArray[np.int64]
) -> Outcomes:
    found = {name: np.empty(labels.shape) for name in LAYER_MEASURES}

    def work(rows: slice) -> None:
        ranked, euclidean = distances.ranked(rows, "cosine"), distances.euclidean(rows)
        for m, label in enumerate(labels):
            neighbour_votes(ranked, rows.start, label, group, NEIGHBOURS, found["knn"][m])
            triples(ranked, rows.start, label, speaker, MODES.index("within"), found["abx_within"][m])
            triples(ranked, rows.start, label, speaker, MODES.index("across"), found["abx_across"][m])
            silhouettes(euclidean, rows, label, found["silhouette"][m])

    each(work, distances.blocks())
    for m, label in enumerate(labels):
        found["knn"][m, ~answerable(label, group)] = np.nan
    return found
