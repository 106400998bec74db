from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles_natural as oracles
from phonoscope.phones.features import FeatureTable, feature_table
from phonoscope.phones.inventory import Inventory, french
from phonoscope.phonology.conjunctions import class_name, conjunctions
from phonoscope.phonology.fits import f_measures, holm, is_one_phone, permuted_fits
from phonoscope.phonology.natural import ALPHA, LayerNaturalness, natural_class, natural_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FRENCH = feature_table(french().ipa)
# terms of the real table, so that names can be made of them
TERMS = ("vowel", "plosive", "nasal", "voiced", "labial", "rounded")
LETTERS = "abcdefg"


@st.composite
def tables(draw: st.DrawFn, most: int = 6) -> FeatureTable:
    """A small table of made-up features, most often with a phone that is not known."""
    n = draw(st.integers(1, most))
    n_terms = draw(st.integers(1, len(TERMS)))
    names = ("vowel", "semivowel", "consonant", *TERMS[1:n_terms])  # the kinds are needed for names
    holds = np.array(
        draw(st.lists(st.lists(st.booleans(), min_size=len(names), max_size=len(names)), min_size=n, max_size=n))
    )
    unknown = draw(st.lists(st.sampled_from(LETTERS[:n]), unique=True, max_size=2))
    holds[[LETTERS.index(phone) for phone in unknown]] = False
    return FeatureTable(tuple(LETTERS[:n]), names, holds, tuple(unknown))


@st.composite
def clustered(draw: st.DrawFn, most: int = 6) -> tuple[FeatureTable, NDArray[np.int64], NDArray[np.int64]]:
    """A table, counts with ties and empty phones, and sizes, which are often larger."""
    table = draw(tables(most))
    k = draw(st.integers(1, 3))
    row = st.lists(st.integers(0, 3), min_size=k, max_size=k)
    counts = np.array(draw(st.lists(row, min_size=len(table.phones), max_size=len(table.phones))))
    empty = np.flatnonzero(~counts.any(axis=0))
    counts[0, empty] = 1
    more = draw(st.lists(st.integers(0, 2), min_size=len(counts), max_size=len(counts)))
    return table, counts, counts.sum(axis=1) + np.array(more)


def terms_of(table: FeatureTable, present: Sequence[str]) -> dict[str, set[str]]:
    rows = zip(table.phones, table.holds, strict=True)
    return {
        phone: {term for term, held in zip(table.terms, row, strict=True) if held}
        for phone, row in rows
        if phone in present and phone not in table.unknown
    }


def shares(table: FeatureTable, counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[dict[str, Fraction]]:
    rows = list(zip(table.phones, counts.tolist(), sizes.tolist(), strict=True))
    return [{phone: Fraction(row[c], size) for phone, row, size in rows if size > 0} for c in range(counts.shape[1])]


def members(phones: str | Sequence[str], table: FeatureTable = FRENCH) -> NDArray[np.bool_]:
    wanted = phones.split() if isinstance(phones, str) else phones
    assert set(wanted) <= set(table.phones)
    return np.isin(table.phones, wanted)


def partition(*classes: str) -> NDArray[np.int64]:
    """Counts of clusters that hold 100 samples of each of their phones."""
    return 100 * np.stack([members(phones) for phones in classes], axis=1).astype(np.int64)


def named(*classes: str, n_permutations: int = 999) -> LayerNaturalness:
    return natural_classes(partition(*classes), np.full(33, 100), FRENCH, n_permutations=n_permutations)


# --- the classes that conjunctions pick out ---


@given(tables(7), st.data())
def test_all_conjunctions_are_found_with_their_shortest_names(table: FeatureTable, data: st.DataObject) -> None:
    present = np.array(data.draw(st.lists(st.booleans(), min_size=len(table.phones), max_size=len(table.phones))))
    there = [phone for phone, is_there in zip(table.phones, present, strict=True) if is_there]
    expected = oracles.with_single_phones(oracles.all_conjunctions(table.terms, terms_of(table, there)), there)
    found = conjunctions(table, present)
    classes = [frozenset(np.array(table.phones)[row].tolist()) for row in found.members]
    assert dict(zip(classes, found.terms, strict=True)) == expected
    assert list(found.terms) == list(expected.values())  # shortest first, then in the table's order
    assert len(set(classes)) == len(classes)


def test_french_has_some_two_hundred_classes() -> None:
    found = conjunctions(FRENCH)
    sizes = found.members.sum(axis=1)
    assert (sizes == 1).sum() == 33
    assert all(found.terms)  # each phone is told from the others
    assert sizes.max() < 33
    by_phones = {tuple(np.flatnonzero(row)): terms for row, terms in zip(found.members, found.terms, strict=True)}
    # checked one by one: the conjunction, as said, holds of just these phones
    for phones, terms in by_phones.items():
        holding = FRENCH.holds[:, [FRENCH.terms.index(term) for term in terms]].all(axis=1)
        assert tuple(np.flatnonzero(holding)) == phones


NAMES = {
    "p t k": "voiceless plosives",
    "b d g": "voiced plosives",
    "p t k b d g": "plosives",
    "f s S": "voiceless fricatives",
    "v z Z R": "voiced fricatives",
    "s z S Z": "sibilants",
    "m n J": "nasal consonants",
    "a~ o~ e~": "nasal vowels",
    "m n J a~ o~ e~": "nasal vowels and consonants",
    "R l": "liquids",
    "m n J l": "sonorant consonants",
    "j w H": "semivowels",
    "i y u": "close vowels",
    "i y u j w H": "close vowels and semivowels",
    "w u": "close back vowels and semivowels",
    "y H": "close front rounded vowels and semivowels",
    "y u w H": "close rounded vowels and semivowels",
    "i y": "close front vowels",
    "E 9 a": "open-mid to open front oral vowels",
    "o O u w": "back oral vowels and semivowels",
    "p b m": "bilabial consonants",
    "p b": "bilabial plosives",
    "p t k f s S": "voiceless consonants",
    "b d g v z Z R": "voiced obstruents",
    "s": "/s/ alone",
}


@pytest.mark.parametrize(("phones", "name"), NAMES.items())
def test_names_read_as_phoneticians_speak(phones: str, name: str) -> None:
    found = conjunctions(FRENCH)
    which = members(phones)
    (index,) = np.flatnonzero((found.members == which).all(axis=1))
    assert class_name(found.terms[index], FRENCH, which) == name


def test_names_without_a_noun_say_what_kinds_of_phones_there_are() -> None:
    table = feature_table({sign: sign for sign in ["a", "i", "j", "p", "b"]})
    for phones, noun in [
        ("a i", "vowels"),
        ("p b", "consonants"),
        ("a j", "vowels and semivowels"),
        ("j b", "consonants and semivowels"),
        ("a b", "vowels and consonants"),
        ("a j b", "sounds"),
    ]:
        assert class_name(("oral", "voiced"), table, members(phones, table)) == f"voiced oral {noun}"


# --- the best fit ---


@given(clustered())
def test_the_best_class_is_that_of_an_exhaustive_search(
    panel: tuple[FeatureTable, NDArray[np.int64], NDArray[np.int64]],
) -> None:
    table, counts, sizes = panel
    there = [phone for phone, size in zip(table.phones, sizes, strict=True) if size > 0]
    classes = oracles.with_single_phones(oracles.all_conjunctions(table.terms, terms_of(table, there)), there)
    found = natural_classes(counts, sizes, table, n_permutations=1)
    for natural, weights in zip(found.classes, shares(table, counts, sizes), strict=True):
        expected = oracles.best_class(classes, weights)
        assert frozenset(natural.phones) == expected.phones
        assert list(natural.phones) == sorted(natural.phones)  # the table's order
        assert set(natural.features) == set(expected.terms)
        assert natural.precision == pytest.approx(float(expected.precision))
        assert natural.recall == pytest.approx(float(expected.recall))
        assert natural.f_measure == pytest.approx(float(expected.f_measure))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 1_000))
def test_f_measures_equal_the_formula(n: int, k: int, seed: int) -> None:
    draws = np.random.default_rng(seed)
    weights = draws.random((n, k)) + 0.01
    classes = draws.random((5, n)) < 0.5
    classes[:, 0] |= ~classes.any(axis=1)
    found = f_measures(classes, weights, weights.sum(axis=0))
    for row, chosen in zip(found, classes, strict=True):
        phones = frozenset(np.array(list(LETTERS[:n]))[chosen].tolist())
        for c, value in enumerate(row):
            of = dict(zip(LETTERS, map(Fraction, weights[:, c].tolist()), strict=False))
            assert value == pytest.approx(float(oracles.fit(phones, of)[2]))


def test_sums_that_differ_by_rounding_alone_are_equal() -> None:
    # .6 + .3 is a little less than .5 + .4: the first term wins all the same
    holds = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]], np.bool_)
    table = FeatureTable(("p", "a", "b", "i", "t"), ("labial", "voiced"), holds, ())
    table = replace(
        table, terms=(*table.terms, "vowel", "semivowel", "consonant"), holds=np.pad(holds, [(0, 0), (0, 3)])
    )
    natural = natural_classes(np.array([[6], [3], [5], [4], [0]]), np.full(5, 10), table, n_permutations=9).classes[0]
    assert natural.features == ("labial",)
    assert natural.f_measure == pytest.approx(1.8 / 3.8)


def test_phones_count_alike_whatever_their_number_of_samples() -> None:
    counts = partition("p t k", "b d g")
    sizes = np.where(members("t"), 1_000, 100)
    counts[members("t")] *= 10
    first, again = (
        natural_classes(c, s, FRENCH, n_permutations=9).classes
        for c, s in [(counts, sizes), (partition("p t k", "b d g"), np.full(33, 100))]
    )
    assert first == again
    # a tenth of many samples of m weighs less than half of few of n
    counts = np.where(members("m"), 100, 0)[:, None] + np.where(members("n"), 50, 0)[:, None]
    natural = natural_classes(counts, np.where(members("m"), 1_000, 100), FRENCH, n_permutations=9).classes[0]
    assert natural.phones == ("n",)
    assert natural.precision == pytest.approx(0.5 / 0.6)


# --- the permutation test ---


@settings(deadline=None, max_examples=25)
@given(clustered(4))
def test_p_values_and_phi_approach_those_of_all_permutations(
    panel: tuple[FeatureTable, NDArray[np.int64], NDArray[np.int64]],
) -> None:
    table, counts, sizes = panel
    weights = shares(table, counts, sizes)
    known = terms_of(table, list(weights[0]))
    rows = oracles.permuted_best(table.terms, known, weights)
    classes = oracles.with_single_phones(oracles.all_conjunctions(table.terms, known), list(weights[0]))
    observed = [oracles.best_class(classes, w).f_measure for w in weights]
    n = 2_000
    found = natural_classes(counts, sizes, table, n_permutations=n, seed=1)
    for c, natural in enumerate(found.classes):
        exact = sum(row[c] >= observed[c] for row in rows) / len(rows)
        assert natural.p_value == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / n) + 1 / n)
    masses = [sum(w.values()) for w in weights]
    means = [sum((m * f for m, f in zip(masses, row, strict=True)), Fraction(0)) / sum(masses) for row in rows]
    mean = sum((m * f for m, f in zip(masses, observed, strict=True)), Fraction(0)) / sum(masses)
    chance = sum(means, Fraction(0)) / len(means)
    if chance == 1:
        assert (found.phi, found.p_value) == (None, None)
        return
    assert found.phi is not None
    assert found.p_value is not None
    exact = sum(m >= mean for m in means) / len(means)
    assert found.p_value == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / n) + 1 / n)
    spread = math.sqrt(sum(float(m - chance) ** 2 for m in means) / len(means) / n)
    # the estimate of chance may be off by five of its standard errors; phi as a function of it
    low, high = (float(chance) + sign * 5 * spread for sign in (-1, 1))
    if high < 1:
        bounds = sorted((float(mean) - estimate) / (1 - estimate) for estimate in (low, high))
        assert bounds[0] - 1e-9 <= found.phi <= bounds[1] + 1e-9


@pytest.mark.parametrize("n", [1, 255, 256, 257, 600])
def test_as_many_permutations_as_asked_for_are_drawn(n: int) -> None:
    weights = np.eye(4)[:, :2]
    chunks = list(permuted_fits(np.array([[True, True, False, False]]), weights, np.ones(2), np.zeros(2), n=n, seed=0))
    drawn = np.concatenate(chunks)
    assert drawn.shape == (n, 2)
    assert set(drawn.ravel().round(9)) <= {0.0, round(2 / 3, 9)}
    if n == 600:
        # both clusters see the same permutations: phone 0 and phone 1 are both in the class once in six
        assert (drawn > 0).all(axis=1).mean() == pytest.approx(1 / 6, abs=0.08)
        assert (drawn > 0).mean() == pytest.approx(1 / 2, abs=0.1)


def test_random_classes_are_found_to_be_natural_no_more_often_than_chance_allows() -> None:
    # random sets of phones, and for each layer a random assignment of samples to clusters
    draws = np.random.default_rng(0)
    p_values, layers = [], []
    for _ in range(300):
        counts = np.stack([draws.multinomial(50, draws.dirichlet(np.full(5, 0.2))) for _ in range(33)])
        counts = counts[:, counts.any(axis=0)]
        found = natural_classes(counts, np.full(33, 50), FRENCH, n_permutations=99, seed=int(draws.integers(2**31)))
        p_values.append(found.classes[0].p_value)  # one a layer: those of one layer depend on each other
        assert found.p_value is not None
        layers.append(found.p_value)
        assert all(c.p_corrected >= c.p_value for c in found.classes)
    for values in (np.array(p_values), np.array(layers)):
        # at most 5 % expected; 9.4 % is 3.5 standard errors above
        assert (values <= 0.05).mean() < 0.094
        assert (values <= 0.5).mean() < 0.601
        assert values.min() < 0.1  # it can come out small


@given(st.lists(st.floats(0.001, 1), max_size=8))
def test_holm_s_correction(p_values: list[float]) -> None:
    found = holm(np.array(p_values))
    assert found.tolist() == pytest.approx(oracles.holm(p_values))


def test_holm_s_correction_by_hand() -> None:
    # .01 × 4, .02 × 3, .02 × 2 raised to the one before, .5 × 1
    assert holm(np.array([0.5, 0.02, 0.01, 0.02])).tolist() == pytest.approx([0.5, 0.06, 0.04, 0.06])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=5), st.integers(0, 2))
def test_a_cluster_is_one_phone_where_no_set_of_several_fits_better(rows: list[list[int]], unknown: int) -> None:
    weights = np.array(rows) / 4
    weights[0] += 0.01
    n = max(len(weights) - unknown, 0)  # the first of them are known
    mass = weights.sum(axis=0)
    alone = 2 * weights.max(axis=0) / (mass + 1)
    found = is_one_phone(weights[:n], mass, alone)
    for c in range(3):
        of = {LETTERS[i]: Fraction(float(w)) for i, w in enumerate(weights[:, c])}
        several = float(oracles.best_fit_of_any_set(LETTERS[:n], of, 2))
        assert found[c] == (several < alone[c] - 1e-9)


def test_a_set_of_several_that_fits_as_well_as_one_phone_makes_a_test() -> None:
    weights, mass = np.array([[0.5], [0.5]]), np.ones(1)
    for alone, one_phone in [(2 / 3, False), (0.6666, False), (0.6667, True)]:
        assert is_one_phone(weights, mass, np.array([alone])).tolist() == [one_phone]


# --- planted classes come back ---


def test_vowels_against_consonants() -> None:
    found = named("i y e E 2 9 a o O u a~ o~ e~", "p t k b d g f s S v z Z m n J R l", "j w H")
    assert [natural.name for natural in found.classes] == ["vowels", "consonants", "semivowels"]
    assert [natural.f_measure for natural in found.classes] == [1, 1, 1]
    assert all(natural.significant for natural in found.classes)
    assert found.phi == pytest.approx(1)
    assert found.p_value == 0.001


def test_voicing_and_place() -> None:
    voicing = named("p t k", "b d g", "f s S", "v z Z R")
    assert [natural.name for natural in voicing.classes] == [
        "voiceless plosives",
        "voiced plosives",
        "voiceless fricatives",
        "voiced fricatives",
    ]
    place = named("p b m", "f v", "t d s z n l", "S Z")
    assert [natural.name.removesuffix(" consonants") for natural in place.classes] == [
        "bilabial",
        "labiodental",
        "alveolar",
        "postalveolar",
    ]
    assert [natural.f_measure for natural in [*voicing.classes, *place.classes]] == [1] * 8


def test_a_planted_class_is_found_under_noise() -> None:
    draws = np.random.default_rng(3)
    planted = ["p t k", "b d g", "m n J", "i y u", "a~ o~ e~", "e 2 o"]
    counts = partition(*planted) * 0.6
    counts += draws.uniform(0, 5, counts.shape)
    found = natural_classes(counts, np.full(33, 100), FRENCH, n_permutations=999)
    assert [natural.phones for natural in found.classes] == [
        tuple(p for p in FRENCH.phones if p in phones.split()) for phones in planted
    ]
    assert all(natural.precision < 0.85 and natural.recall < 0.7 for natural in found.classes)
    assert found.phi is not None
    assert found.phi > 0.2
    assert found.p_value == 0.001


PAPER = {
    # section 4.2 of the paper: phones, the share of their samples that it gives, the name that comes back
    "y i e H": (0.827, "close to close-mid front vowels and semivowels"),
    "S s f Z": (0.813, "voiceless fricatives"),  # three of the four
    "a E 9": (0.93, "open-mid to open front oral vowels"),
    "n m J": (0.92, "nasal consonants"),
    "a~ o~ e~": (0.60, "nasal vowels"),
    "p t k b d g": (0.68, "plosives"),
    "o u O w": (0.76, "back oral vowels and semivowels"),
}


def test_the_paper_s_seven_classes_are_named() -> None:
    counts = partition(*PAPER) * np.array([share for share, _ in PAPER.values()])
    found = natural_classes(counts, np.full(33, 100), FRENCH)
    assert [natural.name for natural in found.classes] == [name for _, name in PAPER.values()]
    exact = [natural for natural in found.classes if natural.name not in (PAPER["y i e H"][1], PAPER["S s f Z"][1])]
    assert all(natural.precision == 1 and natural.significant for natural in exact)
    assert [natural.recall for natural in exact] == pytest.approx([0.93, 0.92, 0.60, 0.68, 0.76])
    assert all(natural.p_value < ALPHA for natural in found.classes)
    assert found.p_value == 1e-4


# --- clusters of one phone, unknown phones, absent phones ---


def test_a_cluster_of_one_phone_is_that_phone_and_no_finding() -> None:
    counts = partition("s", "p t k", "b d g")
    counts[members("z"), 0] = 5
    found = natural_classes(counts, np.full(33, 100), FRENCH, n_permutations=999)
    assert (found.classes[0].name, found.classes[0].phones) == ("/s/ alone", ("s",))
    assert (found.classes[0].p_value, found.classes[0].p_corrected) == (1, 1)
    assert not found.classes[0].significant
    # corrected for two, the cluster of one phone being no test: by Holm the larger as it is, or as twice the smaller
    small, large = sorted([natural.p_value for natural in found.classes[1:]])
    corrected = sorted(natural.p_corrected for natural in found.classes[1:])
    assert corrected == pytest.approx([2 * small, max(2 * small, large)])


def test_phi_is_undefined_where_every_cluster_is_one_phone() -> None:
    found = natural_classes(np.diag(np.full(33, 100)), np.full(33, 100), FRENCH, n_permutations=99)
    assert (found.phi, found.p_value) == (None, None)
    assert [natural.phones for natural in found.classes] == [(phone,) for phone in FRENCH.phones]
    assert all(natural.p_corrected == 1 for natural in found.classes)


def test_phi_is_one_for_natural_classes_and_near_nought_for_random_ones() -> None:
    assert named("p t k b d g", "m n J", "i y u j w H", "a~ o~ e~").phi == pytest.approx(1)
    draws = np.random.default_rng(0)
    values = []
    for _ in range(40):
        clusters = draws.integers(0, 7, 33)
        counts = 100 * (clusters[:, None] == np.unique(clusters))
        found = natural_classes(counts, np.full(33, 100), FRENCH, n_permutations=99)
        assert found.phi is not None
        values.append(found.phi)
    assert np.mean(values) == pytest.approx(0, abs=0.03)
    assert min(values) < 0


def test_unknown_phones_lower_precision_and_belong_to_no_class_of_several() -> None:
    table = feature_table({**french().ipa, "x": "?", "y2": "☃"})
    assert table.unknown == ("x", "y2")
    counts = np.zeros((35, 3))
    counts[:33, 0] = 100 * members("p t k")
    counts[33, 0] = 50
    counts[33, 1] = 40
    counts[33:, 2] = 10, 100
    counts[0, 2] = 0
    found = natural_classes(counts, np.full(35, 100), table, n_permutations=99)
    assert found.classes[0].name == "voiceless plosives"
    assert found.classes[0].precision == pytest.approx(3 / 3.5)
    assert found.classes[0].recall == 1
    assert (found.classes[1].name, found.classes[1].features) == ("/x/ alone", ())
    assert found.classes[2].phones == ("y2",)
    assert found.classes[1].p_corrected == found.classes[2].p_corrected == 1


def test_an_inventory_that_is_all_unknown_still_gets_an_answer() -> None:
    natural = natural_class({"one", "two"}, {"one": "?", "two": "!!", "three": ""}, n_permutations=9)
    assert natural.phones == ("one",)
    assert (natural.features, natural.p_value, natural.significant) == ((), 1, False)
    assert natural_class(["p"], {"p": "p"}, n_permutations=9).f_measure == 1


def test_phones_that_are_not_in_the_panel_are_in_no_class() -> None:
    sizes = np.where(members("k g"), 0, 100)
    natural = natural_classes(partition("p t"), sizes, FRENCH, n_permutations=9).classes[0]
    assert (natural.name, natural.phones, natural.f_measure) == ("voiceless plosives", ("p", "t"), 1)
    # they take no part in the permutations either: all is as with an inventory that does not have them
    there = sizes > 0
    smaller = feature_table({phone: sign for phone, sign in french().ipa.items() if phone not in {"k", "g"}})
    counts = partition("p t b", "m n", "e o 2 a")
    found = natural_classes(counts, sizes, FRENCH, n_permutations=200)
    assert found == natural_classes(counts[there], sizes[there], smaller, n_permutations=200)


def test_the_order_of_clusters_and_phones_does_not_matter() -> None:
    planted = ["p t k b", "m n J", "i y e H", "s"]
    found = named(*planted)
    turned = named(*planted[::-1])
    assert turned.classes[::-1] == found.classes
    assert turned.phi == pytest.approx(found.phi)
    order = np.random.default_rng(0).permutation(33)
    table = replace(FRENCH, phones=tuple(np.array(FRENCH.phones)[order].tolist()), holds=FRENCH.holds[order])
    moved = natural_classes(partition(*planted)[order], np.full(33, 100), table, n_permutations=999)
    assert [n.name for n in moved.classes] == [n.name for n in found.classes]
    assert [set(n.phones) for n in moved.classes] == [set(n.phones) for n in found.classes]


def test_a_seed_gives_the_same_result_and_the_input_stays() -> None:
    counts, sizes = partition("p t k b", "m n", "e 2"), np.full(33, 100)
    before = counts.copy()
    first, again = (natural_classes(counts, sizes, FRENCH, n_permutations=300, seed=5) for _ in range(2))
    assert first == again
    other = natural_classes(counts, sizes, FRENCH, n_permutations=300, seed=6)
    assert [n.p_value for n in other.classes] != [n.p_value for n in first.classes]
    assert (counts == before).all()


# --- the high door ---


def test_a_set_of_phones_has_a_natural_class() -> None:
    found = natural_class({"p", "t", "k"})
    assert (found.name, found.features) == ("voiceless plosives", ("voiceless", "plosive"))
    assert found.phones == ("p", "t", "k")
    assert (found.precision, found.recall, found.f_measure) == (1, 1, 1)
    assert found.p_value == found.p_corrected < 0.02
    assert found.significant
    assert natural_class(["k", "t", "p"], french()) == natural_class(("p", "t", "k"), french().ipa) == found


def test_a_set_of_phones_without_a_natural_class_has_a_nearest_one_that_is_not_significant() -> None:
    found = natural_class({"p", "a~", "Z", "y"}, n_permutations=999)
    assert not found.significant
    assert 0 < found.f_measure < 0.7


def test_shares_of_phones_weigh() -> None:
    found = natural_class({"p": 0.9, "t": 0.9, "k": 0.6, "f": 0.3}, n_permutations=99)
    assert found.name == "voiceless plosives"
    assert found.precision == pytest.approx(2.4 / 2.7)
    assert found.recall == pytest.approx(0.8)
    assert found.f_measure == pytest.approx(4.8 / 5.7)


def test_another_language() -> None:
    ipa = {"aa": "ɑ", "ae": "æ", "iy": "i", "ih": "ɪ", "uw": "u", "uh": "ʊ", "ch": "tʃ", "jh": "dʒ", "s": "s", "r": "ɹ"}
    inventory = Inventory("English", tuple(ipa), ipa, {})
    assert natural_class(["iy", "ih", "uw", "uh"], inventory).name == "high vowels"
    assert natural_class(["ch", "jh"], inventory).name == "affricates"
    assert natural_class(["ae", "aa"], inventory).name == "low vowels"


def test_phones_that_are_not_of_the_inventory_are_refused() -> None:
    with pytest.raises(ValueError, match="'x', 'zz': not in the inventory, whose phones are p t k"):
        natural_class(["p", "x", "zz"])
    with pytest.raises(ValueError, match="a sample"):
        natural_class([])
    with pytest.raises(ValueError, match="add up to its size"):
        natural_class({"p": 1.5})


@pytest.mark.parametrize(
    ("counts", "sizes", "n", "message"),
    [
        (np.ones((32, 2)), np.full(33, 100), 9, "phones × clusters"),
        (np.ones(33), np.full(33, 100), 9, "phones × clusters"),
        (np.ones((33, 2)), np.full(32, 100), 9, "phones × clusters"),
        (np.ones((33, 2)), np.full(33, 1), 9, "add up to its size"),
        (-np.ones((33, 2)), np.full(33, 100), 9, "not negative"),
        (np.full((33, 2), np.nan), np.full(33, 100), 9, "not negative"),
        (np.eye(33)[:, :2] * 0, np.full(33, 100), 9, "in every cluster a sample"),
        (np.ones((33, 0)), np.full(33, 100), 9, "in every cluster a sample"),
        (np.ones((33, 2)), np.full(33, 100), 0, "at least one permutation"),
    ],
)
def test_what_can_be_no_counts_is_refused(
    counts: NDArray[np.float64], sizes: NDArray[np.float64], n: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        natural_classes(counts, sizes, FRENCH, n_permutations=n)
