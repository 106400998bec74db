"""Which phones two models join: held to pairs written out, scikit-learn, and all orders of a few phones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from oracles_comparison import exact_p, slow_pairs
from phonoscope.evaluation.class_agreement import class_agreement

CLASSES = st.dictionaries(st.sampled_from("ptkbdgszmnaiu"), st.integers(0, 3), min_size=1)


@given(CLASSES, CLASSES)
@settings(max_examples=40, deadline=None)
def test_pairs_and_index_of_the_shared_phones(a: dict[str, int], b: dict[str, int]) -> None:
    found = class_agreement(a, b, n_permutations=19, seed=0)
    shared = [phone for phone in a if phone in b]
    assert (found is None) == (len(shared) < 3)
    if found is None:
        return
    assert found.phones == tuple(shared)
    assert found.ari == pytest.approx(adjusted_rand_score([a[p] for p in shared], [b[p] for p in shared]))
    assert tuple(set(pairs) for pairs in (found.both, found.only_a, found.only_b)) == slow_pairs(a, b)
    sets = [{frozenset(p for p in shared if of[p] == c) for c in of.values()} - {frozenset()} for of in (a, b)]
    assert {frozenset(one) for one in found.identical} == sets[0] & sets[1]


@pytest.mark.parametrize("b", [(0, 0, 1, 1, 2, 2), (0, 1, 1, 1, 2, 2), (0, 1, 0, 1, 2, 2), (0, 1, 2, 0, 1, 2)])
def test_the_p_value_is_that_of_all_orders(b: tuple[int, ...]) -> None:
    a = (0, 0, 1, 1, 1, 2)
    found = class_agreement(
        dict(zip("ptkbdg", a, strict=True)), dict(zip("ptkbdg", b, strict=True)), n_permutations=20_001, seed=4
    )
    assert found is not None
    assert found.p_value == pytest.approx(exact_p(a, b), abs=0.012)


def test_the_same_classes_agree_and_unrelated_ones_do_not() -> None:
    phones = [f"p{i}" for i in range(33)]
    own = np.arange(33) // 4
    a = dict(zip(phones, own.tolist(), strict=True))
    same = class_agreement(a, {phone: 8 - c for phone, c in a.items()}, n_permutations=999, seed=0)
    assert same is not None
    assert (same.ari, same.p_value, len(same.identical)) == (1, 0.001, 9)
    assert len(same.identical[0]) == 4
    other = np.random.default_rng(1).permutation(own)
    unlike = class_agreement(a, dict(zip(phones, other.tolist(), strict=True)), n_permutations=999, seed=0)
    assert unlike is not None
    assert unlike.p_value > 0.05


def test_one_class_of_everything_says_nothing() -> None:
    a = dict.fromkeys("ptkb", 0)
    found = class_agreement(a, a, n_permutations=99, seed=0)
    assert found is not None
    assert found.p_value == 1
