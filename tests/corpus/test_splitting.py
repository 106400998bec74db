from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.splitting import split
from phonoscope.corpus.types import Segment, Utterance
from phonoscope.errors import SplitError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    import random


def utterance(key: str, speaker: str = "s", seconds: float = 1.0) -> Utterance:
    segments = (Segment("a", 0.0, seconds),) if seconds else ()
    return Utterance(key, speaker, Path(key + ".wav"), seconds + 1.0, segments)


def corpus(n_speakers: int, n_each: int, seconds: float = 1.0) -> list[Utterance]:
    return [utterance(f"{s}/{i}", str(s), seconds) for s in range(n_speakers) for i in range(n_each)]


def held_out(utterances: tuple[Utterance, ...]) -> set[str]:
    return {u.id for u in utterances if u.split == "validation"}


def speech(utterances: list[Utterance]) -> float:
    return sum(s.end - s.start for u in utterances for s in u.segments)


UTTERANCES = st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0.1, 20)), min_size=2, max_size=60).map(
    lambda items: [utterance(f"{speaker}/{i}", speaker, seconds) for i, (speaker, seconds) in enumerate(items)]
)


@given(
    UTTERANCES,
    st.sampled_from(["utterance", "auto"]),
    st.floats(0.01, 0.9),
    st.integers(0, 1_000),
    st.randoms(),
)
def test_utterances_are_parted_by_share_whatever_their_order(
    utterances: list[Utterance], mode: str, share: float, seed: int, rng: random.Random
) -> None:
    settings = CorpusSettings(split=mode, validation=share)  # type: ignore[arg-type]
    parted = split(utterances, settings, seed)
    assert [u.id for u in parted] == [u.id for u in utterances]
    chosen = held_out(parted)
    assert 0 < len(chosen) < len(utterances)
    longest = max(speech([u]) for u in utterances)
    off = abs(speech([u for u in parted if u.split == "validation"]) - share * speech(utterances))
    assert off <= longest  # one utterance more or less would not be nearer by more than itself
    shuffled = rng.sample(utterances, len(utterances))
    assert held_out(split(shuffled, settings, seed)) == chosen


def test_every_speaker_is_on_both_sides_in_the_same_share() -> None:
    parted = split(corpus(7, 50), CorpusSettings(), seed=3)
    for speaker in map(str, range(7)):
        assert sum(u.split == "validation" for u in parted if u.speaker == speaker) in {4, 5, 6}
    assert len(held_out(parted)) == 35


def test_speakers_of_one_utterance_do_not_all_fall_on_one_side() -> None:
    assert len(held_out(split(corpus(100, 1), CorpusSettings(), seed=0))) == 10


def test_another_seed_is_another_split() -> None:
    splits = {frozenset(held_out(split(corpus(2, 30), CorpusSettings(), seed))) for seed in range(5)}
    assert len(splits) == 5


def test_silent_utterances_stay_in_training() -> None:
    utterances = [*corpus(1, 4), *(utterance(f"silent/{i}", seconds=0) for i in range(10))]
    assert not any(key.startswith("silent") for key in held_out(split(utterances, CorpusSettings(), 0)))


@pytest.mark.parametrize("utterances", [[], [utterance("a")], [utterance("a"), utterance("b", seconds=0)]])
def test_one_utterance_can_not_be_parted(utterances: list[Utterance]) -> None:
    with pytest.raises(SplitError, match="a corpus needs at least two utterances with speech"):
        split(utterances, CorpusSettings(), 0)


@given(UTTERANCES, st.floats(0.01, 0.9), st.integers(0, 1_000), st.randoms())
def test_speakers_stay_whole(utterances: list[Utterance], share: float, seed: int, rng: random.Random) -> None:
    settings = CorpusSettings(split="speaker", validation=share)
    if len({u.speaker for u in utterances}) == 1:
        with pytest.raises(SplitError, match=r"all speech is by one speaker, '[a-e]'\. Give each speaker a folder"):
            split(utterances, settings, seed)
        return
    parted = split(utterances, settings, seed)
    sides = [{u.speaker for u in parted if u.split == part} for part in ("train", "validation")]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert held_out(split(rng.sample(utterances, len(utterances)), settings, seed)) == held_out(parted)


def test_as_many_speakers_as_the_share_says() -> None:
    parted = split(corpus(20, 3), CorpusSettings(split="speaker", validation=0.25), 1)
    assert len({u.speaker for u in parted if u.split == "validation"}) == 5


def test_of_two_speakers_the_shorter_is_held_out() -> None:
    utterances = [utterance("a/1", "a", 10.0), utterance("b/1", "b", 4.0)]
    assert held_out(split(utterances, CorpusSettings(split="speaker"), 0)) == {"b/1"}


@pytest.mark.parametrize("mode", ["auto", "folder"])
@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev", "test", "Dev", "TEST"])
def test_folders(mode: str, name: str) -> None:
    utterances = [utterance(key) for key in ("Train/x/1", "Train/x/2", f"{name}/x/1", "more/1", "alone")]
    parted = split(utterances, CorpusSettings(split=mode), 0)  # type: ignore[arg-type]
    assert held_out(parted) == {f"{name}/x/1"}


def test_all_folders_of_a_validations_name_are_held_out() -> None:
    utterances = [utterance(key) for key in ("train/1", "dev/1", "test/1")]
    assert held_out(split(utterances, CorpusSettings(), 0)) == {"dev/1", "test/1"}


@pytest.mark.parametrize("ids", [("train/1", "other/2"), ("a/1", "dev/2"), ("train", "dev"), ("x/train/1", "x/dev/1")])
def test_without_the_folders_auto_takes_utterances_and_folder_says_what_is_missing(
    ids: tuple[str, ...],
) -> None:
    utterances = [utterance(key) for key in ids]
    assert len(held_out(split(utterances, CorpusSettings(), 0))) == 1
    with pytest.raises(SplitError, match="a top folder 'train' and one named validation, valid, val, dev or test"):
        split(utterances, CorpusSettings(split="folder"), 0)


def test_a_folder_without_speech() -> None:
    utterances = [utterance("train/1"), utterance("dev/1", seconds=0)]
    with pytest.raises(SplitError, match="the validation part would hold no speech"):
        split(utterances, CorpusSettings(), 0)
