"""Analogies of the feature table, and what sums of means land on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles_structure as oracles
from phonoscope.evaluation.resampling import draw_counts, mean_products, rows_by_phone
from phonoscope.phones.inventory import french
from phonoscope.phonology.analogies import Analogies, bundles, find_analogies
from phonoscope.phonology.arithmetic import Similarity, hits_of, permuted_places, ranks_of, solve

FRENCH = dict(french().ipa)


def named(found: Analogies) -> set[tuple[str, ...]]:
    return {
        (feature, *(found.phones[i] for i in quad))
        for feature, quad in zip(found.features, found.quads.tolist(), strict=True)
    }


def products_of(means: np.ndarray) -> np.ndarray:
    centred = means - means.mean(axis=0)
    return np.asarray(centred @ centred.T)


# --- which analogies there are ---


def test_the_analogies_of_french_are_those_of_phonology() -> None:
    found = named(find_analogies(FRENCH))
    assert ("voicing", "p", "b", "t", "d") in found
    assert ("voicing", "t", "d", "p", "b") in found
    assert ("place", "p", "t", "b", "d") in found
    assert ("place", "p", "t", "f", "s") in found, "bilabial and labiodental are one place"
    assert ("manner", "f", "p", "s", "t") in found
    assert ("nasality", "b", "m", "d", "n") in found
    assert ("nasality", "E", "e~", "O", "o~") in found
    assert ("rounding", "i", "y", "e", "2") in found
    assert ("syllabicity", "i", "j", "u", "w") in found
    assert ("backness", "y", "u", "2", "o") in found
    assert not any({"p", "v"} == set(one[1:3]) for one in found), "two features apart"
    assert not any(one[0] == "sibilance" for one in found)


def test_no_analogy_is_missed_and_none_is_there_twice() -> None:
    some = {phone: FRENCH[phone] for phone in ("p", "b", "t", "d", "f", "s", "z", "m", "n", "i", "y", "e", "2", "j")}
    found = find_analogies(some)
    assert len(found.quads) == len(named(found))
    assert named(found) == oracles.analogies(bundles(some))


def test_a_contrast_of_bilabial_and_labiodental_keeps_them_apart() -> None:
    ewe = {"p": "p", "b": "b", "f": "f", "v": "v", "F": "ɸ", "B": "β"}
    found = named(find_analogies(ewe))
    assert ("place", "F", "f", "B", "v") in found
    assert ("manner", "p", "F", "b", "B") in found
    assert not any("p" in one and "f" in one and one[0] == "manner" for one in found)


def test_phones_that_the_features_do_not_tell_apart_are_in_no_analogy() -> None:
    found = find_analogies({"p": "p", "b": "b", "t": "t", "t2": "t", "d": "d", "k": "k", "g": "ɡ", "?": "§"})
    used = {found.phones[i] for i in found.quads.ravel()}
    assert used == {"p", "b", "k", "g"}
    assert find_analogies({"p": "p", "a": "a"}).quads.shape == (0, 4)


def test_an_analogy_of_two_features_counts_once_among_all() -> None:
    found = find_analogies({phone: FRENCH[phone] for phone in "pbtd"})
    names, numbers, weights = found.shares()
    assert dict(zip(names, numbers.tolist(), strict=True)) == {"all": 4, "place": 4, "voicing": 4}
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights[0], 1 / 8)
    # alone among French: p : b :: s : z is of one feature
    names, numbers, _ = find_analogies(FRENCH).shares()
    assert numbers[0] < numbers[1:].sum()


# --- arithmetic ---


@given(st.integers(5, 9), st.integers(1, 6), st.sampled_from(["cosine", "euclidean"]), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_products_say_what_vectors_say(n: int, d: int, similarity: Similarity, seed: int) -> None:
    random = np.random.default_rng(seed)
    means = random.normal(3, 1, (n, d))
    quads = np.array([random.permutation(n)[:4] for _ in range(12)])
    expected = oracles.analogy_ranks(means, quads.tolist(), similarity)
    ranks, answers = ranks_of(products_of(means), quads, similarity)
    if d > 1 or similarity == "euclidean":  # on a line all cosines are 1 or -1, and rounding decides
        assert ranks.tolist() == expected
        hits = hits_of(products_of(means)[None], quads, similarity)
        assert hits[0].tolist() == [rank == 1 for rank in expected]
        assert (answers == quads[:, 3]).tolist() == hits[0].tolist()
    assert all(answer not in quad[:3] for answer, quad in zip(answers, quads, strict=True))


def test_permuted_phones_are_phones_whose_means_change_places() -> None:
    random = np.random.default_rng(3)
    means = random.normal(0, 1, (8, 5))
    quads = np.array([random.permutation(8)[:4] for _ in range(30)])
    places = permuted_places(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 6, 1)
    found = hits_of(products_of(means)[None], quads, "cosine", places=places)
    for at, hits in zip(places, found, strict=True):
        assert sorted(at[:4]) == [0, 1, 2, 3]
        ranks = oracles.analogy_ranks(means[at], quads.tolist(), "cosine")
        assert hits.tolist() == [rank == 1 for rank in ranks]
    assert len({tuple(at) for at in places}) > 1


def solved(means: np.ndarray, noise: float, *, n: int = 8, similarity: Similarity = "cosine") -> object:
    random = np.random.default_rng(11)
    index = np.repeat(np.arange(len(means)), n)
    X = means[index] + noise * random.normal(0, 1, (len(index), means.shape[1]))
    rows = rows_by_phone(index, len(means))
    products = mean_products(X.astype(np.float32), rows, draw_counts([n] * len(means), 40, 0))
    kinds = [one["kind"] for one in bundles(FRENCH).values()]
    groups = np.array([kind == "vocoid" for kind in kinds], np.int64)
    return solve(find_analogies(FRENCH), products, groups, similarity=similarity, permutations=199, seed=0)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_where_features_add_up_every_analogy_holds(similarity: Similarity) -> None:
    random = np.random.default_rng(2)
    vectors: dict[tuple[str, str], np.ndarray] = {}
    means = np.array(
        [
            sum(vectors.setdefault(item, random.normal(0, 1, 60)) for item in sorted(one.items()))
            for one in bundles(FRENCH).values()
        ]
    )
    found = solved(means, 0.05, similarity=similarity)
    np.testing.assert_array_equal(found.share, 1.0)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found.low, 1.0)  # type: ignore[attr-defined]
    assert (found.ranks == 1).all()  # type: ignore[attr-defined]
    assert found.names[0] == "all"  # type: ignore[attr-defined]
    assert found.p_value[0] == 1 / 200  # type: ignore[attr-defined]
    assert found.chance[0] < 0.3  # type: ignore[attr-defined]
    assert found.nearest[0] < 0.8  # type: ignore[attr-defined]


def test_where_phones_are_anywhere_analogies_hold_by_chance() -> None:
    means = np.random.default_rng(4).normal(0, 1, (33, 40))
    found = solved(means, 0.3)
    assert found.p_value[0] > 0.01  # type: ignore[attr-defined]
    assert found.low[0] <= found.share[0] <= found.high[0]  # type: ignore[attr-defined]
    assert found.share[0] < 0.2  # type: ignore[attr-defined]
    assert found.chance[0] == pytest.approx(1 / 30, abs=0.02), "one phone of those that are left"  # type: ignore[attr-defined]


def test_too_few_phones_have_nothing_to_miss() -> None:
    four = find_analogies({phone: FRENCH[phone] for phone in "pbtd"})
    assert solve(four, np.eye(4)[None], np.zeros(4, np.int64)) is None
    none = find_analogies({phone: FRENCH[phone] for phone in ("p", "a", "l", "R", "i")})
    assert solve(none, np.eye(5)[None], np.zeros(5, np.int64)) is None
