from __future__ import annotations

import pickle
import random
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.mutating import mutated
from phonoscope.corpus.formats.timit import FORMAT, read_phones
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.corpus.tree import Tree
from phonoscope.errors import AudioError, CorpusError, FormatError, PhonoscopeError
from phonoscope.settings import CorpusSettings
from phonoscope.signal.audio import utterance_audio

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.source import Format, Listing

PHONES = [(0, 1600, "h#"), (1600, 3200, "sh"), (3200, 4000, "ix"), (4000, 16000, "ax-h"), (16000, 32000, "h#")]
HEADER = """NIST_1A
   1024
channel_count -i 1
sample_count -i {n}
sample_rate -i {rate}
sample_n_bytes -i 2
sample_byte_format -s2 01
end_head
"""


def phn(phones: list[tuple[int, int, str]]) -> str:
    return "".join(f"{start} {end} {label}\n" for start, end, label in phones)


def sphere(path: Path, n: int = 32_000, rate: int = 16_000) -> None:
    path.write_bytes(HEADER.format(n=n, rate=rate).encode().ljust(1024) + np.ones(n, "<i2").tobytes())


def utterance(stem: Path, *, wav: str = ".WAV", suffix: str = ".PHN") -> Path:
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = stem.with_name(stem.name + suffix)
    path.write_text(phn(PHONES))
    for other in (".TXT", ".WRD"):
        stem.with_name(stem.name + other).write_text("0 32000 She had\n")
    if wav.lower() == ".wav":
        sphere(stem.with_name(stem.name + wav))
    elif wav:
        with stem.with_name(stem.name + wav).open("wb") as file:
            soundfile.write(file, np.zeros(32_000), 16_000, format="WAV", subtype="PCM_16")
    return path


def listed(root: Path, audio: Path | None = None) -> Listing:
    form: Format = FORMAT
    tree = Tree(root, str(audio or ""))
    assert form.recognises(tree)
    return form.listing(tree, CorpusSettings())


def read(root: Path, audio: Path | None = None) -> list[Spoken]:
    spoken = []
    for unit in listed(root, audio).units:
        for one in pickle.loads(pickle.dumps(unit)).read():  # noqa: S301 (as to another process)
            assert isinstance(one, Spoken)
            spoken.append(one)
    return spoken


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("wav", [".WAV", ".WAV.wav"])
def test_the_layout_of_the_ldc_in_either_case(tmp_path: Path, *, lower: bool, wav: str) -> None:
    names = ["TRAIN/DR1/FCJF0/SI1027", "TRAIN/DR1/FCJF0/SX37", "TEST/DR2/MABW0/SX44", "TRAIN/DR1/FCJF0/SA1"]
    names = [name.lower() for name in names] if lower else names
    for name in names:
        utterance(tmp_path / name, wav=wav.lower() if lower else wav, suffix=".phn" if lower else ".PHN")
    assert listed(tmp_path).warnings == ("1 SA sentences, which all speakers read, are left out.",)
    spoken = {one.id: one for one in read(tmp_path)}
    assert sorted(spoken) == sorted(names[:3])
    one = spoken[names[0]]
    assert one == Spoken(
        names[0],
        "FCJF0",
        tmp_path / (names[0] + (wav.lower() if lower else wav)),
        (
            Interval("h#", 0.0, 0.1),
            Interval("sh", 0.1, 0.2),
            Interval("ix", 0.2, 0.25),
            Interval("ax-h", 0.25, 1.0),
            Interval("h#", 1.0, 2.0),
        ),
        tmp_path / (names[0] + (".phn" if lower else ".PHN")),
        part="train",
    )
    assert {one.speaker: one.part for one in spoken.values()} == {"FCJF0": "train", "MABW0": "validation"}


def test_one_part_alone_is_no_split(tmp_path: Path) -> None:
    utterance(tmp_path / "train" / "dr1" / "fcjf0" / "sx1")
    assert [one.part for one in read(tmp_path)] == [""]


def test_sa_sentences_are_read_where_there_is_nothing_else(tmp_path: Path) -> None:
    utterance(tmp_path / "FCJF0" / "SA1")
    utterance(tmp_path / "FCJF0" / "SA2")
    assert listed(tmp_path).warnings == ()
    assert [one.id for one in read(tmp_path)] == ["FCJF0/SA1", "FCJF0/SA2"]


@pytest.mark.parametrize(
    ("name", "speaker"),
    [
        ("dr1-fvmh0/sx206", "FVMH0"),
        ("all/FCJF0_SX37", "FCJF0"),
        ("all/dr1-mabw0-si99", "MABW0"),
        ("fcjf01/sx1", ""),
        ("d'été à l'aube/x", ""),
    ],
)
def test_the_speaker_is_in_a_name(tmp_path: Path, name: str, speaker: str) -> None:
    utterance(tmp_path / name)
    assert [(one.id, one.speaker) for one in read(tmp_path)] == [(name, speaker)]


def test_flat_sa_sentences_are_known_too(tmp_path: Path) -> None:
    for name in ("FCJF0_SA1", "FCJF0_SX1", "fcjf0-sa2", "VISA1"):
        utterance(tmp_path / name)
    assert [one.id for one in read(tmp_path)] == ["FCJF0_SX1", "VISA1"]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_resampled_audio_with_phones_of_the_old_rate_or_of_its_own(tmp_path: Path, rate: int) -> None:
    utterance(tmp_path / "a" / "x")
    sphere(tmp_path / "a" / "x.WAV", 2 * rate, rate)
    utterance(tmp_path / "b" / "x")
    sphere(tmp_path / "b" / "x.WAV", 2 * rate, rate)
    own = [(start * rate // 16_000, end * rate // 16_000, label) for start, end, label in PHONES]
    (tmp_path / "b" / "x.PHN").write_text(phn(own))
    for one in read(tmp_path):
        assert [interval.end for interval in one.intervals] == pytest.approx([0.1, 0.2, 0.25, 1.0, 2.0])


def test_audio_that_is_elsewhere_or_nowhere(tmp_path: Path) -> None:
    utterance(tmp_path / "phones" / "MABW0" / "SX1", wav="")
    assert [one.audio for one in read(tmp_path / "phones")] == [None]
    (tmp_path / "audio").mkdir()
    sphere(tmp_path / "audio" / "SX1.sph")
    one = read(tmp_path / "phones", tmp_path / "audio")[0]
    assert one.audio == tmp_path / "audio" / "SX1.sph"
    assert one.intervals[1] == Interval("sh", 0.1, 0.2)


def test_one_file_alone(tmp_path: Path) -> None:
    path = utterance(tmp_path / "SX1")
    assert [one.id for one in read(path)] == ["SX1"]


def test_other_files_of_this_suffix_are_not_timit(tmp_path: Path) -> None:
    assert not FORMAT.recognises(Tree(tmp_path))
    with pytest.raises(CorpusError, match=r"there is no \.PHN file"):
        FORMAT.listing(Tree(tmp_path), CorpusSettings())
    for i, text in enumerate(("", "\n\n", "0.1 0.2 a\n", "sh ix\n", "<phones/>")):
        (tmp_path / f"{i}").mkdir()
        (tmp_path / f"{i}" / "x.phn").write_text(text)
        assert not FORMAT.recognises(Tree(tmp_path / f"{i}"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 10 a\n10 b\n", "line 2: '10 b' is not a start and an end in samples, and a phone"),
        ("0 10 a\n\n10 20.5 b\n", "line 3: '10 20.5 b' is not"),
        ("0 10 a b\n", "line 1: '0 10 a b' is not"),
        ("0 10 a\n30 20 b\n", "line 2: 'b' ends at sample 20, before its start at 30"),
        ("0 99999999999999999999 a\n", "line 1: '0 99999999999999999999 a' is not"),
        (" \n", "the file holds no phones"),
        ("0 10 a\0\n", "line 1: there are zero bytes"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, problem: str) -> None:
    path = utterance(tmp_path / "x")
    unit = listed(tmp_path).units[0]
    path.write_text(text)
    with pytest.raises(FormatError, match=problem) as caught:
        list(unit.read())
    assert str(caught.value).startswith(f"{path}")


def test_broken_audio_is_an_error_of_the_audio(tmp_path: Path) -> None:
    utterance(tmp_path / "x")
    (tmp_path / "x.WAV").write_text("no audio")
    with pytest.raises(AudioError, match=r"x\.WAV: this is not audio"):
        list(listed(tmp_path).units[0].read())


def test_a_corpus_whose_audio_is_sphere_as_sox_writes_it(tmp_path: Path, sox: str) -> None:
    for speaker in ("FCJF0", "MABW0"):
        utterance(tmp_path / "TRAIN" / "DR1" / speaker / "SX37", wav="")
        audio = tmp_path / "TRAIN" / "DR1" / speaker / "SX37.WAV"
        form = ["-R", "-n", "-r16000", "-c1", "-b16", "-tsph", str(audio)]
        sound = ["synth", "2", "sine", "300" if speaker == "FCJF0" else "400"]
        subprocess.run([sox, *form, *sound], check=True)  # noqa: S603 (found by its name)
        assert audio.read_bytes().startswith(b"NIST_1A\n")
    corpus = read_corpus(tmp_path)
    assert corpus.notation == "timit39"
    for one in corpus.utterances:
        assert [(s.phone, s.start, s.end) for s in one.segments] == [
            ("sh", 0.1, 0.2),
            ("ih", 0.2, 0.25),
            ("ah", 0.25, 1.0),
        ]
        wave = utterance_audio(one, 16_000)
        peaks = np.fft.rfftfreq(len(wave), 1 / 16_000)[np.abs(np.fft.rfft(wave)).argmax()]
        assert peaks == (300 if one.speaker == "FCJF0" else 400)


quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
labels = st.text(st.characters(blacklist_categories=["Z", "C"]), min_size=1)


@quick
@given(st.lists(st.tuples(st.integers(0, 10**9), labels), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(tmp_path: Path, ends: list[tuple[int, str]], newline: str) -> None:
    cuts = sorted(at for at, _ in ends)
    phones = [(a, b, label) for a, b, (_, label) in zip([0, *cuts], cuts, ends, strict=False)]
    path = tmp_path / "x.PHN"
    path.write_bytes(phn(phones).replace("\n", newline).encode())
    assert read_phones(path) == phones


@quick
@given(st.integers(0, 2**32))
def test_mutated_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    path = utterance(tmp_path / "DR1" / "FCJF0" / "SX1")
    path.write_bytes(mutated(path.read_bytes(), random.Random(seed)))  # noqa: S311
    FORMAT.recognises(Tree(tmp_path))
    for unit in FORMAT.listing(Tree(tmp_path), CorpusSettings()).units:
        try:
            spoken = list(unit.read())
        except PhonoscopeError:
            continue
        assert all(isinstance(one, Spoken) and one.intervals for one in spoken)
