from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.splitting import split
from phonoscope.corpus.types import Segment, Utterance
from phonoscope.errors import LeakageError, SplitError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    import random

    from phonoscope.corpus.source import Part


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


# --- recordings are never on both sides ---


def within(audio: str, n: int, speaker: str = "s", seconds: float = 1.0) -> Utterance:
    return replace(utterance(f"{audio}-{n}", speaker, seconds), audio=Path(audio), start=2.0 * n, duration=seconds or 1)


def sides(parted: tuple[Utterance, ...]) -> list[set[Path]]:
    return [{u.audio for u in parted if u.split == part} for part in ("train", "validation")]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abc"), st.sampled_from([0.0, 0.5, 2.0])), min_size=2),
    st.sampled_from(["utterance", "speaker", "auto"]),
    st.floats(0.01, 0.9),
    st.integers(0, 100),
    st.randoms(),
)
def test_drawn_parts_never_share_a_recording(
    said: list[tuple[int, str, float]], mode: str, share: float, seed: int, rng: random.Random
) -> None:
    utterances = [within(f"r{of}", n, speaker, seconds) for n, (of, speaker, seconds) in enumerate(said)]
    settings = CorpusSettings(split=mode, validation=share)  # type: ignore[arg-type]
    spoken = {u.audio for u in utterances if u.segments}
    try:
        parted = split(utterances, settings, seed)
    except SplitError:
        assert mode == "speaker" or len(spoken) < 2
        return
    if len(spoken) > 1:
        train, validation = sides(parted)
        assert not train & validation
    else:
        assert mode == "utterance"
    if mode == "speaker":
        speakers = [{u.speaker for u in parted if u.split == part} for part in ("train", "validation")]
        assert not speakers[0] & speakers[1]
    assert [u.id for u in parted] == [u.id for u in utterances]
    assert held_out(split(rng.sample(utterances, len(utterances)), settings, seed)) == held_out(parted)


def test_speakers_who_talk_with_each_other_stay_together() -> None:
    utterances = [within(f"r{i}", j, "ab"[j] if i < 3 else "cd"[j]) for i in range(6) for j in range(2)]
    for seed in range(6):
        train, validation = sides(split(utterances, CorpusSettings(split="speaker"), seed))
        assert {len(train), len(validation)} == {3}
    linked = [*utterances, within("r9", 0, "a"), within("r9", 1, "c")]
    with pytest.raises(SplitError, match="the 4 speakers are heard in the same recordings"):
        split(linked, CorpusSettings(split="speaker"), 0)


def test_one_recording_is_parted_only_if_asked_for() -> None:
    utterances = [within("r", n) for n in range(20)]
    with pytest.raises(SplitError, match=r"all speech is in one recording, r: .* by --corpus\.split utterance"):
        split(utterances, CorpusSettings(), 0)
    told: list[str] = []
    parted = split(utterances, CorpusSettings(split="utterance"), 0, warn=told.append)
    assert held_out(parted) == {"r-18", "r-19"}
    assert told == [
        "training and validation speech are of one recording: its last part was held out, and scores flatter."
    ]


def test_what_goes_on_into_the_last_part_is_left_out() -> None:
    utterances = [within("r", n) for n in range(20)]
    asked = CorpusSettings(split="utterance")
    utterances[3] = replace(utterances[3], duration=30.0)  # another channel's, until 36 s, where the last part starts
    assert len(split(utterances, asked, 0)) == 20
    utterances[3] = replace(utterances[3], duration=30.5)
    told: list[str] = []
    parted = split(utterances, asked, 0, warn=told.append)
    assert held_out(parted) == {"r-18", "r-19"}
    assert {u.id for u in parted} == {u.id for u in utterances} - {"r-3"}
    assert told[1:] == ["1 utterance belongs to neither part, and was left out."]
    with pytest.raises(SplitError, match="the only recording can not be parted, as its utterances overlap"):
        split([replace(u, duration=100.0) for u in utterances], asked, 0)


def test_a_recording_under_two_names_stays_on_one_side(tmp_path: Path) -> None:
    made = []
    for i in range(20):
        path = tmp_path / f"{i}.wav"
        path.write_bytes(b"%d" % (i // 2))
        made.append(replace(utterance(str(i)), audio=path))
    told: list[str] = []
    chosen = held_out(split(made, CorpusSettings(), 0, warn=told.append))
    assert len(chosen) == 2
    assert len({int(key) // 2 for key in chosen}) == 1
    (warning,) = told
    assert warning.startswith("10 recordings there under another name too, and kept on the same side: ")
    assert warning.endswith(": 1 (the same as 0), 11 (the same as 10), 13 (the same as 12), ….")


@pytest.mark.parametrize("how", ["symlink", "hard link", "copy", "same"])
@pytest.mark.parametrize("mode", ["folder", "corpus", "lists"])
def test_leakage_is_refused(tmp_path: Path, how: str, mode: str) -> None:
    one, two = tmp_path / "train/1.wav", tmp_path / "dev/2.wav"
    for path in (one, two):
        path.parent.mkdir()
    one.write_bytes(b"sound")
    if how == "symlink":
        two.symlink_to(one)
    elif how == "hard link":
        two.hardlink_to(one)
    elif how == "copy":
        two.write_bytes(b"sound")
    else:
        two = one
    made = [replace(utterance("train/1"), audio=one), replace(utterance("dev/2"), audio=two), utterance("train/3")]
    parts: dict[str, Part] = {u.id: "validation" if u.id == "dev/2" else "train" for u in made}
    (tmp_path / "v.txt").write_text("dev/2\n")
    held = str(tmp_path / "v.txt") if mode == "lists" else ""
    with pytest.raises(LeakageError) as caught:
        split(made, CorpusSettings(split=mode, validation_list=held), 0, parts)  # type: ignore[arg-type]
    words = "is on" if how == "same" else f"holds the same recording as {two}, which is on"
    assert str(caught.value).startswith(
        f"{one} {words} both sides, as 'train/1' for training and as 'dev/2' for validation. "
    )
    assert f"corpus.split = {mode}" in str(caught.value)


# --- what the corpus or the user says ---


def test_the_corpuss_own_parts_go_before_folders() -> None:
    utterances = [utterance(key) for key in ("train/1", "train/2", "dev/3")]
    own: dict[str, Part] = {"train/1": "validation", "train/2": "train", "dev/3": ""}
    told: list[str] = []
    parted = split(utterances, CorpusSettings(), 0, own, told.append)
    assert [(u.id, u.split) for u in parted] == [("train/1", "validation"), ("train/2", "train")]
    assert told == ["1 utterance belongs to neither part, and was left out."]
    assert held_out(split(utterances, CorpusSettings(split="folder"), 0, own)) == {"dev/3"}
    one_part: dict[str, Part] = dict.fromkeys(own, "train")
    assert held_out(split(utterances, CorpusSettings(), 0, one_part)) == {"dev/3"}
    with pytest.raises(SplitError, match="the validation part would hold no speech"):
        split(utterances, CorpusSettings(split="corpus"), 0, one_part)
    with pytest.raises(SplitError, match="this corpus does not name its parts"):
        split(utterances, CorpusSettings(split="corpus"), 0)


def lists(folder: Path, train: str | None, validation: str | None, **more: str) -> CorpusSettings:
    given = {}
    for name, text in (("train_list", train), ("validation_list", validation)):
        if text is not None:
            path = folder / f"{name}.txt"
            path.write_bytes(text.encode())
            given[name] = str(path)
    return CorpusSettings(**given, **more)  # type: ignore[arg-type]


def test_lists(tmp_path: Path) -> None:
    utterances = [utterance(key) for key in ("a/1", "a/2", "b/é", "b/x y")]
    told: list[str] = []
    parted = split(utterances, lists(tmp_path, "\ufeffa/1\r\n\n  b/x y \n", "b/e\u0301"), 0, warn=told.append)
    assert [(u.id, u.split) for u in parted] == [("a/1", "train"), ("b/é", "validation"), ("b/x y", "train")]
    assert told == ["1 utterance belongs to neither part, and was left out."]
    assert held_out(split(utterances, lists(tmp_path, None, "a/1"), 0)) == {"a/1"}
    assert held_out(split(utterances, lists(tmp_path, "a/1", None, split="lists"), 0)) == {"a/2", "b/é", "b/x y"}


@pytest.mark.parametrize(
    ("train", "validation", "mode", "kind", "problem"),
    [
        (
            "a/1\na/2",
            "b/1\n\na/2",
            "auto",
            LeakageError,
            r"'a/2' is in both lists \(.*train_list\.txt, line 2, and .*, l",
        ),
        (
            "a/1.wav",
            "b/1",
            "auto",
            SplitError,
            r"train_list\.txt, line 1: the corpus has no utterance 'a/1\.wav'; the nea",
        ),
        (
            "a/1\nc/1\nc/2",
            "b/1",
            "auto",
            SplitError,
            r"line 2: .* no utterance 'c/1'; the nearest is '.*', and so for 1 more",
        ),
        ("", "b/1", "auto", SplitError, "this list is empty"),
        (None, None, "lists", SplitError, "no list is given"),
        ("a/1", "b/1", "speaker", SplitError, "corpus.split = speaker, but a list is given too"),
        (None, "a/1\na/2\nb/1", "auto", SplitError, "the train part would hold no speech"),
    ],
)
def test_lists_that_can_not_be(
    tmp_path: Path, train: str | None, validation: str | None, mode: str, kind: type[SplitError], problem: str
) -> None:
    utterances = [utterance(key) for key in ("a/1", "a/2", "b/1")]
    with pytest.raises(kind, match=problem):
        split(utterances, lists(tmp_path, train, validation, split=mode), 0)


def test_lists_that_can_not_be_read(tmp_path: Path) -> None:
    utterances = [utterance("a"), utterance("b")]
    with pytest.raises(SplitError, match=r"corpus\.train_list: .*gone can not be read \(No such file or directory\)"):
        split(utterances, CorpusSettings(train_list=str(tmp_path / "gone")), 0)
    (tmp_path / "x").write_bytes(b"a\n\xe9")
    with pytest.raises(SplitError, match="x, byte 2: this is not UTF-8"):
        split(utterances, CorpusSettings(validation_list=str(tmp_path / "x")), 0)
