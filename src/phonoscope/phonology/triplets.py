"""Which phonological feature a layer goes by: triplets of phones, two that share a value and one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.phonology.hierarchy import check_distances

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

_ROUNDING = 1e-12


def triplet_score(distances: NDArray[np.float64], values: NDArray[np.integer]) -> float | None:
    """Tell how well distances go by an attribute: whether phones that share its value are nearer than ones that do not.

    For phones a and b of one value and c of another, the share of the triplets (a, b, c) with d(a, b) < d(a, c), equal
    distances counting ½. The share is taken for each value and averaged over the values, so that each counts alike
    however many phones have it. 0.5 is chance, 1 perfect order.

    Parameters
    ----------
    distances
        Shape (phones, phones), symmetric.
    values
        The attribute's value of each phone, numbered from 0, shape (phones,).

    Returns
    -------
    The score; None without any triplet. A value that one phone alone has, or that all have, has none of its own.
    """
    scores = _scores(distances, values[None, :])
    return None if scores is None else float(scores[0])


def organising_attributes(
    phones: Sequence[str],
    distances: NDArray[np.float64],
    attributes: Mapping[str, Mapping[str, Hashable | None]],
    *,
    n_permutations: int = 9_999,
    seed: int = 0,
) -> pl.DataFrame:
    """Score how far each of some attributes, such as voicing or place, orders the distances of the phones.

    The p-value is the share of permutations of the values among the attribute's phones that score no less, the
    observed order counting as one of them: ``(1 + #{score ≥ observed}) / (1 + n)``. It is not corrected for the
    number of attributes.

    Parameters
    ----------
    phones
        In the order of the distances.
    distances
        Shape (phones, phones), symmetric, with a zero diagonal.
    attributes
        For each attribute the value of each phone; None where the attribute says nothing of the phone, such as
        the height of a consonant: the phone is then in none of its triplets.
    n_permutations
        How many are drawn.
    seed
        Of the draw; each attribute's does not depend on the others.

    Returns
    -------
    A row an attribute: attribute, n_phones, n_values, score (`triplet_score`), p_value; both null without any triplet.

    Raises
    ------
    ValueError
        An attribute says nothing of a phone, not even None; or as for `phone_tree`.
    """
    check_distances(phones, distances)
    rows = []
    for name, value_of in attributes.items():
        missing = [phone for phone in phones if phone not in value_of]
        if missing:
            msg = f"{name}: there is no value, and no None, for {', '.join(missing)}"
            raise ValueError(msg)
        inside = [i for i, phone in enumerate(phones) if value_of[phone] is not None]
        number: dict[Hashable, int] = {}
        values = np.array([number.setdefault(value_of[phones[i]], len(number)) for i in inside], dtype=np.int64)
        within = distances[np.ix_(inside, inside)]
        orders = np.tile(values, (1 + n_permutations, 1))
        np.random.default_rng(seed).permuted(orders[1:], axis=1, out=orders[1:])
        scores = _scores(within, orders)
        score, p_value = None, None
        if scores is not None:
            score = float(scores[0])
            p_value = np.count_nonzero(scores >= score - _ROUNDING) / len(scores)
        rows.append((name, len(inside), len(number), score, p_value))
    schema = {
        "attribute": pl.String,
        "n_phones": pl.Int64,
        "n_values": pl.Int64,
        "score": pl.Float64,
        "p_value": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _scores(distances: NDArray[np.float64], values: NDArray[np.integer]) -> NDArray[np.float64] | None:
    """Score many assignments of the same values at once, shape (assignments, phones); None without any triplet."""
    sizes = np.bincount(values[0])
    triplets = sizes * (sizes - 1) * (values.shape[1] - sizes)
    if not triplets.any():
        return None
    points = np.zeros((len(values), len(sizes)))
    for a, row in enumerate(distances):
        nearer = (row[:, None] < row[None, :]) + 0.5 * (row[:, None] == row[None, :])  # b × c
        nearer[a] = 0.0  # b is not a
        shared = values == values[:, a : a + 1]
        points[np.arange(len(values)), values[:, a]] += ((shared.astype(np.float64) @ nearer) * ~shared).sum(axis=1)
    return np.asarray((points[:, triplets > 0] / triplets[triplets > 0]).mean(axis=1))
