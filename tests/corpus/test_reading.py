from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from corpus.mutating import mutated
from phonoscope.corpus.describing import describe_corpus
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.source import Interval, Listing, Spoken, Unit
from phonoscope.corpus.types import Segment
from phonoscope.errors import (
    AudioError,
    BrokenFilesError,
    CorpusError,
    EmptyIntervalError,
    FormatError,
    LeakageError,
    OutsideAudioError,
    OverlapError,
    PhonoscopeError,
    SettingError,
    SplitError,
    TextGridError,
    TierError,
    UnknownPhonesError,
)
from phonoscope.phones.inventory import french
from phonoscope.progress import Quiet
from phonoscope.settings import CorpusSettings, Settings
from phonoscope.signal.audio import AudioInfo, audio_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from phonoscope.corpus.source import Tree

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
    why = "the 33 phones of French, as the few labels there are can all be French (if they are not, name corpus.phones)"
    assert list(read_corpus(tmp_path).warnings) == [
        "5 audio files without a TextGrid beside it: not used: lone/0.wav, lone/1.wav, lone/2.wav, ….",
        "1 TextGrid without audio beside it: not used: lone/x.TextGrid.",
        f"1 audio file recorded below 16,000 Hz, {rate}: 1 (8,000 Hz).",
        "the audio has several rates: 8,000 Hz (1), 16,000 Hz (5).",
        "1 TextGrid longer or shorter than the audio by more than 0.1 s: 3 (1.50 s, audio 1.00 s).",
        "1 TextGrid not starting at 0 s, the times taken for the audio's all the same: 6.",
        "1 utterance without any phone: 4.",
        f"The phone set is {why}; 7 of the 8 labels that are no pauses fold onto it; left over: 'zzz' (1).",
    ]


def test_a_tidy_corpus_gives_no_warning(tmp_path: Path, add: Callable[..., Path]) -> None:
    add("1.wav")
    add("2.wav")
    assert read_corpus(tmp_path).warnings == ()


def test_the_phone_set_is_told_of_once_whether_labels_were_left_over_or_not(
    tmp_path: Path, add: Callable[..., Path]
) -> None:
    add("1.wav")
    add("2.wav")
    tidy = read_corpus(tmp_path)
    add("3.wav", [(0.0, 0.5, "zzz"), (0.5, 1.0, "a")])
    untidy = read_corpus(tmp_path)
    for corpus, times in ((tidy, (1, 0)), (untidy, (0, 1))):
        assert corpus.note.startswith("The phone set is the 33 phones of French, as ")
        assert (describe_corpus(corpus).count(corpus.note), corpus.warnings.count(corpus.note)) == times


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
        read_corpus(tmp_path, Settings().changed({"corpus.phones": "french"}))


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
    (warning,) = corpus.warnings  # md5sum finds the same 131 copies
    assert warning.startswith("131 recordings there under another name too, and kept on the same side: ")
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


# --- the Montreal Forced Aligner's trees ---


def mfa_text(*tiers: tuple[str, list[tuple[float, float, str]]]) -> str:
    """A TextGrid as the aligner writes it: words and phones, for each speaker."""
    last = max(end for _, intervals in tiers for _, end, _ in intervals)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", str(last), "<exists>", str(len(tiers))]
    for name, intervals in tiers:
        lines += ['"IntervalTier"', f'"{name}"', "0", str(last), str(len(intervals))]
        for start, end, label in intervals:
            lines += [str(start), str(end), f'"{label}"']
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


WORDS = [(0.0, 0.2, ""), (0.2, 0.9, "eh"), (0.9, 1.0, "<eps>")]
SPOKEN = [(0.0, 0.2, "sil"), (0.2, 0.5, "a"), (0.5, 0.6, "spn"), (0.6, 0.9, "ə"), (0.9, 1.0, "")]


@pytest.mark.parametrize("apart", [True, False])
def test_audio_and_alignments_in_trees_of_their_own(tmp_path: Path, write_audio: Any, apart: bool) -> None:  # noqa: ANN401, FBT001
    audio, aligned = tmp_path / "corpus d'été", tmp_path / ("aligned" if apart else "corpus d'été/aligned")
    for speaker in ("anna", "ben"):
        for i in range(2):  # the same names in both folders
            write_audio((audio if apart else audio / "wav") / f"{speaker}/{i}.WAV")
            write((audio if apart else audio / "wav") / f"{speaker}/{i}.lab", "EH")
            write(aligned / f"{speaker}/{i}.TextGrid", mfa_text(("words", WORDS), ("phones", SPOKEN)))
    found = read_corpus(aligned, settings(corpus__audio=str(audio))) if apart else read_corpus(audio)
    assert found.speakers == ("anna", "ben")
    assert len(found.utterances) == 4
    for u in found.utterances:
        assert u.audio.parent.name == u.speaker
        assert u.audio.stem == u.id[-1]
        assert [s.phone for s in u.segments] == ["a", "2"]
    assert all("beside it" not in warning for warning in found.warnings)


def test_each_speaker_of_a_recording_is_an_utterance(tmp_path: Path, write_audio: Any) -> None:  # noqa: ANN401
    other = [(0.0, 0.9, ""), (0.9, 1.0, "i")]
    for i in range(2):
        write_audio(tmp_path / f"talk/{i}.wav")
        tiers = ("anna - words", WORDS), ("anna - phones", SPOKEN), ("Ben - words", WORDS), ("Ben - phones", other)
        write(tmp_path / f"talk/{i}.TextGrid", mfa_text(*tiers))
    found = read_corpus(tmp_path)
    assert [(u.id, u.speaker) for u in found.utterances] == [
        ("talk/0/anna", "anna"),
        ("talk/0/Ben", "Ben"),
        ("talk/1/anna", "anna"),
        ("talk/1/Ben", "Ben"),
    ]
    assert found.utterances[1].segments == (Segment("i", 0.9, 1.0),)
    sides = {(u.audio, u.split) for u in found.utterances}
    assert len(sides) == 2, "a recording is on one side"
    with pytest.raises(SplitError, match="the 2 speakers are heard in the same recordings"):
        read_corpus(tmp_path, settings(corpus__split="speaker"))


def test_word_transcripts_beside_textgrids_are_not_read(tmp_path: Path, add: Callable[..., Path]) -> None:
    for name in ("1.wav", "2.wav"):
        add(name)
        write(tmp_path / name.replace(".wav", ".lab"), "BONJOUR")
    assert len(read_corpus(tmp_path).utterances) == 2


# --- what other formats bring: utterances within recordings, parts, problems one by one ---


def spoken_by(
    monkeypatch: pytest.MonkeyPatch,
    utterances: list[Spoken | Exception],
    name: str = "made",
    warnings: tuple[str, ...] = (),
) -> None:
    """Let a format of this name find these utterances, whatever is in the folder."""

    class Made:
        title = "made files"

        def __init__(self) -> None:
            self.name = name

        def recognises(self, tree: Tree) -> bool:
            return bool(tree.with_suffix(".made"))

        def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
            del tree, settings
            return Listing((Unit(Path("x.made"), lambda: iter(utterances)),), warnings)

    monkeypatch.setattr("phonoscope.corpus.registry.formats", lambda: {name: Made()})


@pytest.fixture
def long_recordings(tmp_path: Path, write_audio: Any) -> list[Path]:  # noqa: ANN401
    write(tmp_path / "x.made", "")
    paths = [tmp_path / f"{i}.wav" for i in range(3)]
    for path in paths:
        write_audio(path, 10.0, channels=2)
    return paths


def stretch(audio: Path | None, n: int, **changes: Any) -> Spoken:  # noqa: ANN401
    intervals = (Interval("a", 0.0, 0.5), Interval("", 0.5, 0.6), Interval("i", 0.6, 1.0))
    given = {"speaker": f"s{n}", "start": float(n), "end": n + 1.0, "where": f"line {n}", **changes}
    key = changes.pop("id", f"{audio.stem if audio else 'none'}-{n}")
    given.pop("id", None)
    return Spoken(id=key, audio=audio, intervals=intervals, source=Path("x.made"), **given)


def test_utterances_within_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_recordings: list[Path]
) -> None:
    utterances = [stretch(path, n, channel=n % 2) for path in long_recordings[:2] for n in range(9)]
    spoken_by(monkeypatch, [*utterances, stretch(None, 3)], warnings=("it is odd.",))
    headers: list[Path] = []

    def counting(path: Path) -> AudioInfo:
        headers.append(path)
        return audio_info(path)

    monkeypatch.setattr("phonoscope.corpus.recordings.audio_info", counting)
    found = read_corpus(tmp_path)
    assert headers == long_recordings[:2], "a recording's header is read once"
    assert [(u.start, u.duration, u.channel) for u in found.utterances[:2]] == [(0.0, 1.0, 0), (1.0, 1.0, 1)]
    assert found.utterances[4].segments == (Segment("a", 0.0, 0.5), Segment("i", 0.6, 1.0))
    assert found.utterances[4].speaker == "s4"
    assert len({(u.audio, u.split) for u in found.utterances}) == 2
    assert found.warnings == (
        "it is odd.",
        "1 utterance without a recording: not used: none-3.",
        "1 audio file without an alignment: not used: 2.wav.",
    )
    assert (found.notation, found.ipa["S"]) == ("french", "ʃ")


def test_what_does_not_fit_its_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_recordings: list[Path]
) -> None:
    one, two, _ = long_recordings
    two.write_bytes(b"")
    late = replace(stretch(one, 5), id="late", intervals=(Interval("a", 0.2, 1.5),))
    spoken_by(
        monkeypatch,
        [
            stretch(one, 1),
            stretch(one, 2, channel=2),
            stretch(one, 10),
            stretch(one, 9, end=11.0),
            stretch(one, 4, end=3.5),
            stretch(two, 1),
            stretch(two, 2),
            late,
            stretch(one, 1),
            FormatError(Path("x.made"), "line 7", "it is broken", "Mend it."),
            replace(stretch(one, 6), id="odd", intervals=(Interval("a", float("nan"), 1.0),)),
        ],
    )
    with pytest.raises(BrokenFilesError) as caught:
        read_corpus(tmp_path)
    whole = f"Make sure that it belongs to {one} and that the audio is whole."
    expected = [
        "x.made, line 7: it is broken. Mend it.",
        "x.made, line 6: a time of utterance 'odd' is no number; correct the alignment.",
        f"{one}: has 2 channels, channel 2 (counted from 0) was asked for. Correct the channel in x.made.",
        f"x.made, line 10: the utterance '0-10' starts at 10.000 s, outside of its recording of 10.000 s. {whole}",
        f"x.made, line 9: the utterance '0-9' ends at 11.000 s, after the end of its recording at 10.000 s. {whole}",
        f"x.made, line 4: the utterance '0-4' ends at 3.500 s, before its start at 4.000 s. {whole}",
        f"{two}: the file is empty. Replace the file, or remove it together with its alignment.",
        "x.made, line 5, utterance 'late' (which starts at 5.000 s) at 0.200 s: the interval 'a' ends at 1.500 s, a",
        "x.made, line 1: the utterance '0-1' is there twice, first in x.made, line 1; remove one of them.",
    ]
    for problem, text in zip(caught.value.problems, expected, strict=True):
        assert str(problem).startswith(text)


def test_no_utterance_has_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.made", "")
    spoken_by(monkeypatch, [stretch(None, 1), stretch(None, 2)])
    with pytest.raises(
        CorpusError, match=r"none of the 2 utterances has a recording \(the first is 'none-1'\).*--corpus.audio"
    ):
        read_corpus(tmp_path)


def test_the_corpuss_own_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_recordings: list[Path]) -> None:
    parts = ("train", "validation", "")
    spoken_by(monkeypatch, [stretch(path, 1, part=part) for path, part in zip(long_recordings, parts, strict=True)])
    found = read_corpus(tmp_path)
    assert [(u.id, u.split) for u in found.utterances] == [("0-1", "train"), ("1-1", "validation")]
    assert found.warnings == ("1 utterance belongs to neither part, and was left out.",)
    spoken_by(monkeypatch, [stretch(long_recordings[0], n, part=parts[n % 2]) for n in range(4)])
    with pytest.raises(
        LeakageError, match=rf"^{re.escape(str(long_recordings[0]))} is on both sides, as '0-0' for train"
    ):
        read_corpus(tmp_path)


def test_processes_read_the_same(tmp_path: Path, add: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(70):
        add(f"{'ab'[i % 2]}/{i}.wav", seconds=1.0)
    monkeypatch.setattr("phonoscope.corpus.gathering._WORTH_PROCESSES", 10)
    here, there = Counting(), Counting()
    assert read_corpus(tmp_path, jobs=2, progress=there) == read_corpus(tmp_path, progress=here)
    assert here.done == there.done == {"reading the corpus": 70, "reading the audio's headers": 70}
    broken = [tmp_path / f"{'ab'[i % 2]}/{i}.TextGrid" for i in (3, 68)]
    for path in broken:
        path.write_text("nothing")
    with pytest.raises(BrokenFilesError) as caught:
        read_corpus(tmp_path, jobs=2)
    assert [str(problem).split(",")[0] for problem in caught.value.problems] == [
        str(path) for path in sorted(broken, key=lambda path: path.as_posix())
    ]
    assert all(isinstance(problem, TextGridError) for problem in caught.value.problems)


class Counting(Quiet):
    def __init__(self) -> None:
        self.done: dict[str, int] = {}

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Callable[[int], None]]:
        del total, counted

        def advance(steps: int) -> None:
            self.done[text] = self.done.get(text, 0) + steps

        yield advance


# --- fuzz ---


@pytest.mark.parametrize("seed", range(8))
def test_broken_files_are_read_or_refused(tmp_path: Path, write_audio: Any, seed: int) -> None:  # noqa: ANN401
    draws = Random(seed)  # noqa: S311
    grid = mfa_text(("anna - words", WORDS), ("anna - phones", SPOKEN), ("Ben - phones", [(0.0, 1.0, "é")]))
    for i in range(3):
        write_audio(tmp_path / f"{i}.wav", 1.0)
        write(tmp_path / f"{i}.TextGrid", grid)
    audio = (tmp_path / "1.wav").read_bytes()
    for _ in range(25):
        (tmp_path / "0.TextGrid").write_bytes(mutated(grid.encode(draws.choice(("utf-8", "utf-16"))), draws))
        (tmp_path / "1.wav").write_bytes(mutated(audio, draws) if draws.random() < 0.3 else audio)
        try:
            found = read_corpus(tmp_path)
        except PhonoscopeError as error:
            assert str(error)  # noqa: PT017 (no error is right too)
        else:
            assert all(0 <= s.start < s.end <= u.duration for u in found.utterances for s in u.segments)
