from __future__ import annotations

from pathlib import Path

import pytest

from phonoscope.corpus.textgrid import IntervalTier, PointTier, TextGrid
from phonoscope.corpus.tiers import phones_tier, phones_tiers
from phonoscope.errors import TierError

PATH = Path("x.TextGrid")


def grid(*names: str) -> TextGrid:
    return TextGrid(0.0, 1.0, tuple(IntervalTier(name, ()) for name in names))


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


def speakers(*names: str, name: str = "") -> list[tuple[str, str]]:
    return [(speaker, tier.name) for speaker, tier in phones_tiers(PATH, grid(*names), name)]


def test_each_speaker_has_a_tier() -> None:
    several = ("anna - words", "anna - phones", "Ben C. - words", "Ben C. - Phones")
    assert speakers(*several) == [("anna", "anna - phones"), ("Ben C.", "Ben C. - Phones")]
    assert speakers(*several, name="words") == [("anna", "anna - words"), ("Ben C.", "Ben C. - words")]
    assert speakers(*several, name="anna - phones") == [("", "anna - phones")]
    assert speakers("a - b - phones") == [("a - b", "a - b - phones")]
    assert speakers("anna - MAU") == [("anna", "anna - MAU")]


def test_a_tier_without_a_speaker_goes_before() -> None:
    assert speakers("anna - phones", "phones") == [("", "phones")]
    assert speakers("anna - phones", "MAU") == [("", "MAU")]


def test_tiers_that_do_not_name_their_speakers() -> None:
    with pytest.raises(TierError, match="2 tiers could hold the phones"):
        phones_tiers(PATH, grid("anna - phones", "anna - phones"))
    with pytest.raises(TierError, match="there is no tier 'mine'; the file's tiers: 'anna - phones'"):
        phones_tiers(PATH, grid("anna - phones"), "mine")
    with pytest.raises(TierError, match="the tier 'ben - phones' holds points"):
        phones_tiers(PATH, TextGrid(0, 1, (*grid("anna - phones").tiers, PointTier("ben - phones", ()))))
