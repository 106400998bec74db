"""Manifests that Lhotse itself wrote, compared with what Lhotse itself makes of them."""

from __future__ import annotations

import itertools
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from corpus.formats.reading_all import read_all, refusal
from phonoscope.corpus.formats.lhotse import FORMAT
from phonoscope.corpus.reading import read_corpus
from phonoscope.settings import CorpusSettings, Settings
from phonoscope.signal.audio import load_audio, utterance_audio

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from phonoscope.corpus.source import Spoken

# CI installs it: there its absence is an error
lhotse: Any = import_module("lhotse") if os.environ.get("CI") else pytest.importorskip("lhotse")

RATE = 16_000
TRUTH = {"s1": [("AY0", 16_000, 25_600), ("S", 25_600, 32_000)], "s2": [("a~", 40_000, 44_000), ("#", 44_000, 56_000)]}
"""In samples of the recording."""


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Any, Any]:
    """A recording of two channels whose samples hold the number of their phone, and its supervisions."""
    sound = np.zeros((4 * RATE, 2))
    for number, (_, start, end) in enumerate((one for sup in TRUTH.values() for one in sup), 1):
        sound[start:end] = number / 100
    audio = tmp_path / """l'été "1".wav"""
    soundfile.write(audio, sound, RATE, subtype="FLOAT")
    recording = lhotse.Recording.from_file(audio)
    supervisions = [
        lhotse.SupervisionSegment(
            id=name,
            recording_id=recording.id,
            start=items[0][1] / RATE,
            duration=(items[-1][2] - items[0][1]) / RATE,
            channel=channel,
            speaker=name.upper(),
            alignment={
                "word": [],
                "phone": [
                    lhotse.supervision.AlignmentItem(label, start / RATE, (end - start) / RATE)
                    for label, start, end in items
                ],
            },
        )
        for (name, items), channel in zip(TRUTH.items(), (0, [0, 1]), strict=True)
    ]
    return (
        lhotse.RecordingSet.from_recordings([recording]),
        lhotse.SupervisionSet.from_segments(supervisions),
    )


def is_true(found: list[Spoken]) -> None:
    assert [s.id for s in found] == list(TRUTH)
    for spoken in found:
        assert spoken.audio is not None
        samples, _ = soundfile.read(spoken.audio, always_2d=True)
        for interval, (label, start, end) in zip(spoken.intervals, TRUTH[spoken.id], strict=True):
            times = [(spoken.start + t) * RATE for t in (interval.start, interval.end)]
            assert interval.label == label
            assert times == pytest.approx([start, end], abs=1e-3)
            assert len(set(samples[round(times[0]) : round(times[1])].ravel())) == 1
        assert spoken.speaker == spoken.id.upper()
        assert spoken.channel == (0 if spoken.id == "s1" else None)


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl", ".json"])
def test_supervisions_and_recordings(tmp_path: Path, corpus: tuple[Any, Any], suffix: str) -> None:
    recordings, supervisions = corpus
    recordings.to_file(tmp_path / f"recordings{suffix}")
    supervisions.to_file(tmp_path / f"supervisions{suffix}")
    is_true(read_all(FORMAT, tmp_path))


MADE: dict[str, Callable[[Any], Any]] = {
    "cuts": lambda cuts: cuts,
    "trimmed": lambda cuts: cuts.trim_to_supervisions(),
    "trimmed, what overlaps dropped": lambda cuts: cuts.trim_to_supervisions(keep_overlapping=False),
    "windows": lambda cuts: cuts.cut_into_windows(1.2),
    "padded": lambda cuts: cuts.pad(10),
    "resampled": lambda cuts: cuts.resample(8000),
}


@pytest.mark.parametrize("made", MADE)
def test_cuts(tmp_path: Path, corpus: tuple[Any, Any], made: str) -> None:
    MADE[made](lhotse.CutSet.from_manifests(*corpus)).to_file(tmp_path / "cuts.jsonl.gz")
    is_true(read_all(FORMAT, tmp_path))


def test_perturbed_volume_is_read_without_it(tmp_path: Path, corpus: tuple[Any, Any]) -> None:
    lhotse.CutSet.from_manifests(*corpus).perturb_volume(2.0).to_file(tmp_path / "cuts.jsonl.gz")
    assert [s.id for s in read_all(FORMAT, tmp_path)] == ["s1_vp2.0", "s2_vp2.0"]


def test_perturbed_speed_is_refused(tmp_path: Path, corpus: tuple[Any, Any]) -> None:
    lhotse.CutSet.from_manifests(*corpus).perturb_speed(1.1).to_file(tmp_path / "cuts.jsonl")
    assert "is changed when it is loaded ('Speed')" in refusal(FORMAT, tmp_path)


def test_appended_cuts_are_refused(tmp_path: Path, corpus: tuple[Any, Any]) -> None:
    (cut,) = lhotse.CutSet.from_manifests(*corpus)
    lhotse.CutSet.from_cuts([cut.append(cut)]).to_file(tmp_path / "cuts.jsonl")
    assert "mixes 2 recordings" in refusal(FORMAT, tmp_path)


def test_a_corpus_is_what_lhotse_itself_reads(tmp_path: Path) -> None:
    """Speakers, phones, and the samples of every utterance and phone."""
    draws = np.random.default_rng(0)
    recordings, supervisions = [], []
    for name in ("anna é", "ben", "call"):
        sides = 2 if name == "call" else 1
        audio = tmp_path / "audio" / f"{name}.flac"
        audio.parent.mkdir(exist_ok=True)
        soundfile.write(audio, draws.uniform(-0.5, 0.5, (5 * RATE, sides)), RATE, subtype="PCM_24")
        recordings.append(lhotse.Recording.from_file(audio))
        for i in range(4):
            cuts = (i + np.sort(draws.choice(np.arange(1, 100), 6, replace=False)) / 100).tolist()
            items = [
                lhotse.supervision.AlignmentItem(str(draws.choice(["p", "a", "sil"])), start, end - start)
                for start, end in itertools.pairwise(cuts)
            ]
            supervisions.append(
                lhotse.SupervisionSegment(
                    id=f"{name}-{i}",
                    recording_id=name,
                    start=cuts[0],
                    duration=cuts[-1] - cuts[0],
                    channel=i % sides,
                    speaker=f"{name} {i % sides}",
                    alignment={"phone": items},
                )
            )
    manifest = tmp_path / "cuts.jsonl.gz"
    lhotse.CutSet.from_manifests(
        lhotse.RecordingSet.from_recordings(recordings), lhotse.SupervisionSet.from_segments(supervisions)
    ).to_file(manifest)
    found = {
        u.id: u
        for u in read_corpus(tmp_path, Settings(corpus=CorpusSettings(format="lhotse", phones="own"))).utterances
    }
    theirs = list(lhotse.load_manifest(manifest).trim_to_supervisions(keep_overlapping=False))
    assert len(theirs) == len(found) == len(supervisions)
    for cut in theirs:
        (supervision,) = cut.supervisions
        ours = found[supervision.id]
        assert ours.speaker == supervision.speaker
        np.testing.assert_allclose(utterance_audio(ours, RATE), cut.load_audio()[0], rtol=0, atol=1e-6)
        wanted = [item for item in supervision.alignment["phone"] if item.symbol != "sil"]
        assert [s.phone for s in ours.segments] == [item.symbol for item in wanted]
        for segment, item in zip(ours.segments, wanted, strict=True):
            sound = load_audio(
                ours.audio,
                RATE,
                start=ours.start + segment.start,
                duration=segment.end - segment.start,
                channel=ours.channel,
            )
            samples = cut.recording.load_audio(cut.channel, offset=item.start, duration=item.duration)[0]
            np.testing.assert_allclose(sound, samples, rtol=0, atol=1e-6)
