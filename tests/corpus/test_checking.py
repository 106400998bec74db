from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.checking import EDGE, ROUNDING, align, phones_tier
from phonoscope.corpus.textgrid import Interval, IntervalTier, PointTier, TextGrid
from phonoscope.corpus.types import Segment
from phonoscope.errors import EmptyIntervalError, IntervalError, OutsideAudioError, OverlapError, TierError
from phonoscope.phones.inventory import french, french_folding

PATH = Path("x.TextGrid")


def grid(*names: str) -> TextGrid:
    return TextGrid(0.0, 1.0, tuple(IntervalTier(name, ()) for name in names))


def aligned(*intervals: tuple[float, float, str], duration: float = 1.0) -> tuple[Segment, ...]:
    tier = IntervalTier("phones", tuple(Interval(*i) for i in intervals))
    return align(PATH, tier, duration, french_folding()).segments


@pytest.mark.parametrize(
    "name",
    [
        "phones",
        "Phones",
        " PHONES ",
        "phone",
        "phonemes",
        "phoneme",
        "PhonAlign",
        "MAU",
        "segments",
        "phon",
        "Anna - phones",
    ],
)
def test_usual_names(name: str) -> None:
    assert phones_tier(PATH, grid("words", name, "notes")).name == name


def test_the_first_usual_name_wins_whatever_the_order_of_the_tiers() -> None:
    assert phones_tier(PATH, grid("MAU", "words", "phones")).name == "phones"


def test_a_name_that_is_given() -> None:
    assert phones_tier(PATH, grid("phones", "mine"), "Mine").name == "mine"
    assert phones_tier(PATH, grid("mine", "Mine"), "Mine").name == "Mine"


@pytest.mark.parametrize(
    ("tiers", "name", "problem"),
    [
        (
            grid("words", "été"),
            "",
            "no tier has one of the usual names of a tier of phones; the file's tiers: 'words', 'été'.",
        ),
        (grid(), "", "the file's tiers: none."),
        (grid("phones"), "mine", "there is no tier 'mine'; the file's tiers: 'phones'."),
        (grid("A - phones", "B - phones"), "", "2 tiers could hold the phones"),
        (grid("mine", "mine"), "mine", "2 tiers could hold the phones"),
        (
            TextGrid(0, 1, (PointTier("phones", ()),)),
            "",
            "the tier 'phones' holds points, but phones are intervals",
        ),
        (TextGrid(0, 1, (PointTier("mine", ()),)), "mine", "the tier 'mine' holds points"),
    ],
)
def test_no_tier_of_phones(tiers: TextGrid, name: str, problem: str) -> None:
    with pytest.raises(TierError) as caught:
        phones_tier(PATH, tiers, name)
    assert str(caught.value).startswith("x.TextGrid: ")
    assert problem in str(caught.value)
    assert str(caught.value).endswith("Name the phones' tier by --corpus.tier NAME.")


def test_labels_become_phones_gaps_and_counts() -> None:
    tier = IntervalTier(
        "phones",
        tuple(
            Interval(i / 10, (i + 1) / 10, label) for i, label in enumerate(["", "a", "@", "zzz", "a", "@", "sil", "ʁ"])
        ),
    )
    result = align(PATH, tier, 1.0, french_folding())
    assert [s.phone for s in result.segments] == ["a", "2", "a", "2", "R"]
    assert result.segments[1] == Segment("2", 0.2, 0.3)
    assert result.folded == {("@", "2"): 2, ("ʁ", "R"): 1}
    assert result.left_over == {"zzz": 1}


def test_what_rounding_gives_is_clipped() -> None:
    assert aligned((-0.02, 0.5, "a"), (0.5, 1.02, "p")) == (Segment("a", 0.0, 0.5), Segment("p", 0.5, 1.0))
    assert aligned((0.0, 0.5, "a"), (0.4995, 0.6, "p")) == (Segment("a", 0.0, 0.5), Segment("p", 0.5, 0.6))


def test_pauses_may_stand_outside_and_be_empty() -> None:
    assert aligned((-1.0, 0.0, ""), (0.0, 1.0, "a"), (1.0, 1.0, ""), (1.0, 9.0, "sil")) == (Segment("a", 0.0, 1.0),)


@pytest.mark.parametrize(
    ("intervals", "kind", "where", "problem"),
    [
        (
            [(0.5, 1.021, "a")],
            OutsideAudioError,
            0.5,
            "'a' ends at 1.021 s, after the end of the audio at 1.000 s",
        ),
        ([(1.0, 1.01, "a")], OutsideAudioError, 1.0, "after the end of the audio"),
        ([(0.9, 2.0, "zzz")], OutsideAudioError, 0.9, "after the end of the audio"),
        ([(-0.021, 0.5, "a")], OutsideAudioError, -0.021, "'a' lies before the start of the audio"),
        ([(-0.02, 0.0, "a")], OutsideAudioError, -0.02, "lies before the start of the audio"),
        (
            [(0.0, 0.5, "a"), (0.4, 0.6, "p")],
            OverlapError,
            0.4,
            "'p' starts before the one before it has ended, at 0.500 s",
        ),
        (
            [(0.0, 0.5, "a"), (0.4, 0.6, "")],
            OverlapError,
            0.4,
            "'' starts before the one before it has ended",
        ),
        (
            [(0.0, 0.5, ""), (0.6, 0.7, "a"), (0.1, 0.2, "p")],
            OverlapError,
            0.1,
            "'p' starts before the one before it",
        ),
        ([(0.0, 0.5, "a"), (0.4998, 0.4999, "p")], OverlapError, 0.5, "lies within the one before it"),
        ([(0.5, 0.5, "a")], EmptyIntervalError, 0.5, "'a' has no duration"),
        ([(0.5, 0.4, "a")], EmptyIntervalError, 0.5, "'a' has no duration"),
    ],
)
def test_intervals_that_can_not_be(
    intervals: list[tuple[float, float, str]], kind: type[IntervalError], where: float, problem: str
) -> None:
    with pytest.raises(kind) as caught:
        aligned(*intervals)
    assert str(caught.value).startswith(f"x.TextGrid, tier 'phones' at {where:.3f} s: the interval ")
    assert problem in str(caught.value)
    assert str(caught.value).endswith(kind.todo)


@given(
    st.lists(
        st.tuples(st.floats(-0.1, 1.2), st.floats(-0.1, 1.2), st.sampled_from(["a", "p", "@", "", "zzz"])),
        max_size=8,
    ),
    st.booleans(),
)
def test_segments_are_within_the_audio_in_order_and_never_empty(
    intervals: list[tuple[float, float, str]],
    tidy: bool,  # noqa: FBT001 (hypothesis gives it)
) -> None:
    if tidy:
        intervals = sorted((min(a, b), max(a, b), label) for a, b, label in intervals)
    try:
        segments = aligned(*intervals)
    except IntervalError:
        return
    assert all(0 <= s.start < s.end <= 1 and s.phone in french().phones for s in segments)
    assert all(a.end <= b.start for a, b in itertools.pairwise(segments))
    assert len(segments) == sum(label in {"a", "p", "@"} for _, _, label in intervals)
    for segment, (start, end, _) in zip(segments, (i for i in intervals if i[2] in {"a", "p", "@"}), strict=True):
        assert abs(segment.start - start) <= max(EDGE, ROUNDING)
        assert abs(segment.end - end) <= EDGE
