from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.describing import segments_table
from phonoscope.corpus.segments import Segments, seconds_of_speech, segment_columns
from phonoscope.corpus.types import Corpus, Segment, Utterance

PHONES = ("p", "a", "i")
SEGMENTS = st.lists(st.builds(Segment, st.sampled_from(PHONES), st.floats(0, 10), st.floats(0, 10)), max_size=8).map(
    tuple
)


@given(SEGMENTS, SEGMENTS, st.slices(8))
def test_it_is_as_the_tuple_is(these: tuple[Segment, ...], others: tuple[Segment, ...], part: slice) -> None:
    packed = Segments.of(these, PHONES)
    assert tuple(packed) == these
    assert packed == these
    assert these == packed
    assert hash(packed) == hash(these)
    assert (packed == Segments.of(others, PHONES)) == (these == others) == (packed == others)
    assert packed == Segments.of(these, (*PHONES[::-1], "z"))
    assert packed[part] == these[part]
    assert isinstance(packed[part], Segments)
    assert len(packed) == len(these)
    assert repr(packed) == repr(these)
    assert all(packed[i] == these[i] == packed[i - len(these)] for i in range(len(these)))
    assert list(reversed(packed)) == list(reversed(these))
    assert pickle.loads(pickle.dumps(packed)) == packed  # noqa: S301
    assert all(segment in packed for segment in these)
    assert seconds_of_speech(packed) == pytest.approx(seconds_of_speech(these))
    index = {"i": 7, "p": 1, "a": 0}
    for one, other in zip(segment_columns(packed, index), segment_columns(these, index), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_it_is_not_and_can_not() -> None:
    packed = Segments(PHONES, [1, 0], [0.0, 0.5], [0.5, 1.0])
    assert packed != [*packed]
    assert packed != "pa"
    assert bool(packed[:0]) is False
    with pytest.raises(IndexError):
        packed[2]
    with pytest.raises(ValueError, match="read-only"):
        packed.starts[0] = 3.0
    with pytest.raises(ValueError, match="codes have to lie between 0 and 2"):
        Segments(PHONES, [3], [0.0], [1.0])
    with pytest.raises(KeyError):
        Segments.of([Segment("x", 0, 1)], PHONES)


def test_a_segment_takes_less_than_thirty_bytes() -> None:
    draws = np.random.default_rng(0)
    n, each = 500, 60  # utterances of some seconds
    edges = [np.sort(draws.uniform(0, 6, each + 1)) for _ in range(n)]
    codes = draws.integers(0, len(PHONES), each)
    tracemalloc.start()
    kept = [Segments(PHONES, codes, edge[:-1], edge[1:]) for edge in edges]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / sum(map(len, kept)) < 30


def test_the_table_of_segments(tmp_path: object) -> None:
    said = (Segment("a", 0.0, 0.5), Segment("p", 0.5, 0.75))

    def one(key: str, segments: object) -> Utterance:
        return Utterance(key, "s" + key, tmp_path, 1.0, segments, "validation" if key == "2" else "train")  # type: ignore[arg-type]

    corpus = Corpus("c", (one("1", said), one("2", ()), one("3", Segments.of(said[1:], PHONES))), PHONES)
    table = segments_table(corpus)
    assert table.rows() == [
        ("1", "s1", "a", 0.0, 0.5, "train"),
        ("1", "s1", "p", 0.5, 0.75, "train"),
        ("3", "s3", "p", 0.5, 0.75, "train"),
    ]
    assert corpus.phone_counts() == {"a": 1, "p": 2}
    assert corpus.phone_counts("validation") == {}
