"""What holds for every format alike: the same speech reads the same, and broken files do no harm."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

from corpus.formats.writing import RESOLUTION, SPEECH, WRITERS
from corpus.mutating import mutated
from phonoscope.corpus import registry
from phonoscope.corpus.reading import read_corpus, survey
from phonoscope.corpus.tree import audio_suffixes
from phonoscope.errors import PhonoscopeError
from phonoscope.settings import CorpusSettings, Settings
from phonoscope.signal.audio import utterance_audio

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.types import Corpus

N_BROKEN = 40
"""Broken corpora of each kind."""
SLOWEST = 3.0
"""Seconds that a broken corpus of four utterances may take; the median is a hundredth of that."""


def settings(name: str, *, phones: str = "own") -> Settings:
    return Settings(corpus=CorpusSettings(format=name, phones=phones, split="utterance"))  # type: ignore[arg-type]


@pytest.fixture(params=WRITERS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A way of keeping speech, and the speech kept so in the folder."""
    name = str(request.param)
    WRITERS[name][1](tmp_path)
    return name


def test_every_format_is_tested_here() -> None:
    assert {form for form, _ in WRITERS.values()} == set(registry.formats()) == set(registry.NAMES)


def test_the_same_speech_reads_the_same(tmp_path: Path, kind: str) -> None:
    within = RESOLUTION.get(kind, 1e-6)
    for name in ("auto", WRITERS[kind][0]):
        found = read_corpus(tmp_path, settings(name))
        assert sorted((u.speaker, u.id.rpartition("/")[2]) for u in found.utterances) == sorted(s[:2] for s in SPEECH)
        assert found.phones == ("aa", "iy", "k", "n", "s", "t")
        assert found.left_over == {}
        utterances = {u.id.rpartition("/")[2]: u for u in found.utterances}
        for said in SPEECH:
            utterance = utterances[said.name]
            assert utterance.duration == pytest.approx(said.n_samples / 16_000, abs=1e-6)
            wanted = [one for one in said.seconds() if one[0] != "sil"]
            assert [s.phone for s in utterance.segments] == [label for label, _, _ in wanted]
            times = [t for s in utterance.segments for t in (s.start, s.end)]
            assert times == pytest.approx([t for one in wanted for t in one[1:]], rel=0, abs=within)


def test_broken_files_are_read_or_refused_in_little_time(tmp_path: Path, kind: str) -> None:
    whole = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    alignments = [path for path in whole if path.suffix.lower() not in audio_suffixes()]
    recordings = [path for path in whole if path not in alignments]
    draws = random.Random(kind)  # noqa: S311 (no secret)
    refused, slowest = 0, 0.0
    for i in range(N_BROKEN):
        path = draws.choice(recordings if i % 3 == 2 else alignments)
        path.write_bytes(broken(whole[path], draws, head=128 if path in recordings and i % 2 else None))
        began = time.perf_counter()
        asked = settings(("auto", WRITERS[kind][0])[i % 2], phones=("auto", "own")[i % 4 // 2])
        try:
            listen(read_all_of(tmp_path, asked))
        except PhonoscopeError:
            refused += 1
        except Exception as error:
            error.add_note(f"{kind}, broken corpus {i}: {path.name} = {path.read_bytes()[:3000]!r}")
            raise
        slowest = max(slowest, time.perf_counter() - began)
        path.write_bytes(whole[path])
    assert slowest < SLOWEST
    assert refused > N_BROKEN // 4
    assert len(read_corpus(tmp_path, settings(WRITERS[kind][0])).utterances) == len(SPEECH)


def broken(data: bytes, draws: random.Random, head: int | None) -> bytes:
    """Mutate a file, or only its head, where a recording's header is."""
    return mutated(data[:head], draws) + (data[head:] if head else b"")


def read_all_of(root: Path, asked: Settings) -> Corpus:
    """Read a corpus as a run does, after looking at it as a check does."""
    for problem in survey(root, asked).problems:
        assert isinstance(problem, PhonoscopeError)
        assert "\n" not in str(problem)
    return read_corpus(root, asked)


def listen(corpus: Corpus) -> None:
    """Decode what can be used."""
    for utterance in corpus.utterances:
        assert len(utterance_audio(utterance, 16_000)) > 0
        assert all(0 <= s.start < s.end <= utterance.duration + 1e-6 for s in utterance.segments)
