from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.types import Segment
from phonoscope.errors import (
    AudioError,
    BrokenFilesError,
    CorpusError,
    EmptyIntervalError,
    OutsideAudioError,
    OverlapError,
    SettingError,
    SplitError,
    TextGridError,
    TierError,
    UnknownPhonesError,
)
from phonoscope.phones.inventory import french
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INTERVALS = [(0.0, 0.2, ""), (0.2, 0.5, "a"), (0.5, 0.9, "@"), (0.9, 1.0, "")]
SEGMENTS = (Segment("a", 0.2, 0.5), Segment("2", 0.5, 0.9))


@pytest.fixture
def add(tmp_path: Path, write_audio: Any, write_grid: Any) -> Callable[..., Path]:  # noqa: ANN401
    """Put a pair of files into the corpus `tmp_path`; returns the TextGrid."""

    def put(name: str, intervals: list[tuple[float, float, str]] = INTERVALS, **how: Any) -> Path:  # noqa: ANN401
        path = tmp_path / name
        write_audio(path, how.get("seconds", 1.0), rate=how.get("rate", 16_000), channels=how.get("channels", 1))
        grid: Path = write_grid(path.with_suffix(".TextGrid"), intervals, tier=how.get("tier", "phones"))
        return grid

    return put


def settings(**changes: Any) -> Settings:  # noqa: ANN401
    return Settings().changed({name.replace("__", "."): value for name, value in changes.items()})


def test_a_corpus(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("anna/2.wav", rate=44_100, channels=2)
    add("anna/1 é'.FLAC")
    add("ben/x.ogg", [(0.0, 0.5, "zzz"), (0.5, 1.0, "ʁ")], rate=22_050)
    add("y.wav")
    corpus = read_corpus(str(tmp_path))
    assert corpus.name == tmp_path.name
    assert [u.id for u in corpus.utterances] == ["anna/1 é'", "anna/2", "ben/x", "y"]
    assert [u.speaker for u in corpus.utterances] == ["anna", "anna", "ben", tmp_path.name]
    assert corpus.utterances[1].audio == tmp_path / "anna/2.wav"
    assert corpus.utterances[1].duration == 1.0
    assert corpus.utterances[1].segments == SEGMENTS
    assert corpus.utterances[2].segments == (Segment("R", 0.5, 1.0),)
    assert corpus.phones == french().phones
    assert corpus.folded == {("@", "2"): 3, ("ʁ", "R"): 1}
    assert corpus.left_over == {"zzz": 1}
    assert {u.split for u in corpus.utterances} == {"train", "validation"}


def test_the_same_folder_is_the_same_speaker_in_training_and_validation(
    tmp_path: Path, add: Callable[..., Path]
) -> None:
    for name in ("train/anna/1.wav", "train/ben/1.wav", "dev/anna/1.wav"):
        add(name)
    corpus = read_corpus(tmp_path)
    assert corpus.speakers == ("anna", "ben")
    assert [u.id for u in corpus.of("validation")] == ["dev/anna/1"]


def test_the_seed_changes_the_split(tmp_path: Path, add: Callable[..., Path]) -> None:
    for i in range(12):
        add(f"{i}.wav")
    splits = {tuple(u.split for u in read_corpus(tmp_path, settings(seed=seed)).utterances) for seed in range(6)}
    assert len(splits) > 1
    assert read_corpus(tmp_path, settings(seed=3)) == read_corpus(tmp_path, settings(seed=3))


def test_a_pattern_finds_the_speaker(tmp_path: Path, add: Callable[..., Path]) -> None:
    for name in ("x/s1_a.wav", "x/s2_a.wav", "y/s1_b.wav"):
        add(name)
    assert read_corpus(tmp_path, settings(corpus__speaker=r"/(s\d+)_")).speakers == ("s1", "s2")
    with pytest.raises(BrokenFilesError, match=r"^3 files can not be used"):
        read_corpus(tmp_path, settings(corpus__speaker="(a)_"))
    with pytest.raises(
        CorpusError,
        match=r"s2_a\.wav: the pattern corpus\.speaker = 's\(1\)_' finds no speaker in 'x/s2_a\.wav'",
    ):
        read_corpus(tmp_path, settings(corpus__speaker="s(1)_"))


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [("(", "this is not a regular expression"), ("x", "it has 0 groups"), ("(x)(y)", "it has 2 groups")],
)
def test_a_pattern_that_is_none(tmp_path: Path, pattern: str, problem: str) -> None:
    with pytest.raises(SettingError, match=re.escape(f"corpus.speaker = {pattern!r}: {problem}")):
        read_corpus(tmp_path, settings(corpus__speaker=pattern))


def test_the_tier_may_be_named(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav", tier="Mine")
    add("2.wav", tier="mine")
    assert len(read_corpus(tmp_path, settings(corpus__tier="mine")).utterances) == 2


def test_what_is_odd_is_warned_of(tmp_path: Path, add: Callable[..., Path], write_audio: Any) -> None:  # noqa: ANN401
    add("1.wav", rate=8_000)
    add("2.wav", rate=16_000)
    add("3.wav", [(0.0, 0.5, "a"), (0.5, 1.5, "")])
    add("4.wav", [(0.0, 1.0, "")])
    add("5.wav", [(0.0, 0.5, "zzz"), (0.5, 1.0, "a")])
    grid = add("6.wav", [(0.5, 1.0, "a")])
    grid.write_text(grid.read_text().replace("xmin = 0 ", "xmin = 0.5 "))
    for i in range(5):
        write_audio(tmp_path / f"lone/{i}.wav")
    (tmp_path / "lone/x.TextGrid").touch()
    rate = "so that the upper part of the spectrum is empty"
    assert list(read_corpus(tmp_path).warnings) == [
        "5 audio files without a TextGrid beside it: not used: lone/0.wav, lone/1.wav, lone/2.wav, ….",
        "1 TextGrid without audio beside it: not used: lone/x.TextGrid.",
        f"1 audio file recorded below 16,000 Hz, {rate}: 1 (8,000 Hz).",
        "the audio has several rates: 8,000 Hz (1), 16,000 Hz (5).",
        "1 TextGrid longer or shorter than the audio by more than 0.1 s: 3 (1.50 s, audio 1.00 s).",
        "1 TextGrid not starting at 0 s, the times taken for the audio's all the same: 6.",
        "1 utterance without any phone: 4.",
        "1 label is neither a phone nor a pause, and was left out: 'zzz' (1).",
    ]


def test_a_tidy_corpus_gives_no_warning(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    add("2.wav")
    assert read_corpus(tmp_path).warnings == ()


def test_a_textgrid_is_broken(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    grid = add("2.wav")
    grid.write_text(grid.read_text().replace('"a"', '"a'))
    with pytest.raises(TextGridError, match=rf"^{re.escape(str(grid))}, line 22: a text is not closed"):
        read_corpus(tmp_path)


def test_audio_is_broken(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    audio = add("2.wav").with_suffix(".wav")
    audio.write_bytes(audio.read_bytes()[:9_000])
    with pytest.raises(AudioError, match=rf"^{re.escape(str(audio))}: the audio is cut short"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("intervals", "kind", "problem"),
    [
        ([(0.0, 1.5, "a")], OutsideAudioError, "tier 'phones' at 0.000 s: the interval 'a' ends at 1.500 s"),
        (
            [(0.0, 0.5, "a"), (0.3, 0.6, "p")],
            OverlapError,
            "tier 'phones' at 0.300 s: the interval 'p' starts before",
        ),
        ([(0.0, 0.0, "a")], EmptyIntervalError, "tier 'phones' at 0.000 s: the interval 'a' has no duration"),
    ],
)
def test_an_interval_does_not_fit(
    tmp_path: Path,
    add: Callable[..., Path],
    intervals: list[tuple[float, float, str]],
    kind: type[CorpusError],
    problem: str,
) -> None:
    add("1.wav")
    grid = add("2.wav", intervals)
    with pytest.raises(kind, match=re.escape(f"{grid}, {problem}")):
        read_corpus(tmp_path)


def test_no_tier_of_phones(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    grid = add("2.wav", tier="words")
    with pytest.raises(TierError, match=re.escape(f"{grid}: no tier has one of the usual names")):
        read_corpus(tmp_path)


def test_all_broken_files_are_reported_together(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("ok.wav")
    for i in range(7):
        add(f"{i}.wav", tier="words")
    with pytest.raises(BrokenFilesError, match=r"^7 files can not be used:\n") as caught:
        read_corpus(tmp_path)
    assert all(isinstance(problem, TierError) for problem in caught.value.problems)
    lines = str(caught.value).splitlines()
    assert [str(tmp_path / f"{i}.TextGrid") in line for i, line in enumerate(lines[1:6])] == [True] * 5
    assert lines[6:] == ["… and 2 more."]


def test_no_label_is_known(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav", [(0.0, 0.5, "AA1"), (0.5, 0.7, "IY0"), (0.7, 1.0, "AA1")])
    add("2.wav", [(0.0, 1.0, "AA1")])
    with pytest.raises(
        UnknownPhonesError, match="no label is known as a phone of the inventory; the labels: 'AA1', 'IY0'"
    ):
        read_corpus(tmp_path)


def test_only_pauses(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav", [(0.0, 1.0, "")])
    with pytest.raises(UnknownPhonesError, match="the labels: none but pauses"):
        read_corpus(tmp_path)


def test_what_can_not_be_parted(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    with pytest.raises(SplitError, match="at least two utterances"):
        read_corpus(tmp_path)
    add("2.wav")
    with pytest.raises(SplitError, match="one speaker"):
        read_corpus(tmp_path, settings(corpus__split="speaker"))
    with pytest.raises(SplitError, match="a top folder 'train'"):
        read_corpus(tmp_path, settings(corpus__split="folder"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no audio in this folder"):
        read_corpus(tmp_path)


def test_reading_does_not_import_torch() -> None:
    code = "import phonoscope.corpus.reading, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_french_prompts(french_prompts: Path) -> None:
    start = time.perf_counter()
    corpus = read_corpus(french_prompts)
    seconds = time.perf_counter() - start
    assert len(corpus.utterances) == len(list(french_prompts.rglob("*.flac")))
    assert corpus.speakers == ("june", "tux")
    assert corpus.warnings == ()
    assert corpus.left_over == {}
    assert set(corpus.folded) >= {("@", "2"), ("9~", "e~")}
    assert corpus.phone_counts()["J"] == 12
    assert corpus.phone_counts()["H"] == 0
    assert 38 * 60 < corpus.seconds < 40 * 60
    speech = {
        part: sum(s.end - s.start for u in corpus.of(part) for s in u.segments) for part in ("train", "validation")
    }
    assert speech["validation"] / sum(speech.values()) == pytest.approx(0.1, abs=0.001)
    assert seconds < 10, "takes 0.5 s where it was written; this is no slow machine, but a fault"
