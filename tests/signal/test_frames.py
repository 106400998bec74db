from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from phonoscope.corpus.types import Corpus, Segment, Utterance
from phonoscope.errors import AudioError
from phonoscope.settings import SignalSettings
from phonoscope.signal.audio import load_audio
from phonoscope.signal.features import features
from phonoscope.signal.frames import FrameTable, first_frame, read_frames

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Split

RATE = 16_000
HOP = Fraction(1, 100)
SIGNAL = SignalSettings(n_mels=22, context=3)
PHONES = ("p", "a", "i", "z")  # z does not occur

# speaker, part, samples, segments in ten-thousandths of a second
LAYOUT: tuple[tuple[str, Split, int, tuple[tuple[str, int, int], ...]], ...] = (
    ("ann", "train", 8_000, (("p", 0, 1_000), ("a", 1_000, 2_150), ("i", 3_000, 5_000))),
    ("bob", "validation", 4_800, (("a", 50, 1_049), ("p", 1_049, 1_051), ("i", 1_051, 3_000))),
    ("ann", "train", 640, (("a", 0, 400),)),
    ("ann", "validation", 50, (("i", 0, 31),)),  # too short for a frame
    ("bob", "train", 3_200, (("i", 500, 560), ("a", 560, 2_100))),  # ends a hair after the audio
)


def make_corpus(folder: Path) -> Corpus:
    utterances = []
    for i, (speaker, split, n, segments) in enumerate(LAYOUT):
        path = folder / f"{i}.wav"
        loudness = 0.05 * (i + 1)  # the means of utterances and speakers differ
        samples = np.random.default_rng(i).uniform(-loudness, loudness, n)
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        marked = tuple(Segment(phone, start / 10_000, end / 10_000) for phone, start, end in segments)
        utterances.append(Utterance(f"u{i}", speaker, path, n / RATE, marked, split))
    return Corpus("five", tuple(utterances), PHONES)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def table(corpus: Corpus) -> FrameTable:
    return read_frames(corpus, SIGNAL)


def parts(corpus: Corpus) -> list[NDArray[np.float32]]:
    return [features(load_audio(u.audio, RATE), SIGNAL) for u in corpus.utterances]


@given(st.integers(0, 1_000_000))
def test_the_first_frame_is_the_first_centre_at_or_after(tenths: int) -> None:
    # in tenths of a millisecond, exactly: (i + 1/2) 100 >= t
    expected = -((50 - tenths) // 100)
    assert first_frame(np.array([tenths / 10_000]), 0.01).tolist() == [max(expected, 0)]


@settings(deadline=None)
@given(st.integers(0, 3_000), st.sampled_from([5.0, 10.0, 12.5]))
def test_a_centre_belongs_to_its_frame_whatever_the_rounding(i: int, hop_ms: float) -> None:
    hop = hop_ms / 1000
    centre = (i + 0.5) * hop
    times = np.array([centre, np.nextafter(centre, 0), np.nextafter(centre, 99), round(centre, 6), centre + 1e-4])
    assert first_frame(times, hop).tolist() == [i, i, i, i, i + 1]


def test_known_boundaries() -> None:
    times = np.array([0.0, 0.005, 0.00501, 0.115, 0.1151, 0.12, 0.125])
    assert first_frame(times, 0.01).tolist() == [0, 0, 1, 11, 12, 12, 12]


def test_rows_stand_one_utterance_after_the_other(table: FrameTable, corpus: Corpus) -> None:
    count = [len(part) for part in parts(corpus)]
    assert count == [50, 30, 4, 0, 20]
    assert table.count.tolist() == count
    at = 0
    for i, n in enumerate(count):
        assert table.offset[i] == at
        at += n
    assert table.static.shape == (at, 22)
    assert table.static.dtype == np.float32
    assert table.labels.dtype == np.int16
    assert (table.context, table.hop) == (3, 0.01)


def grouped(corpus: Corpus, i: int, normalise: str) -> list[int]:
    utterances = corpus.utterances
    return {
        "none": [],
        "utterance": [i],
        "speaker": [j for j in range(5) if utterances[j].speaker == utterances[i].speaker],
        "corpus": list(range(5)),
    }[normalise]


@pytest.mark.parametrize("normalise", ["none", "utterance", "speaker", "corpus"])
def test_means_are_removed_and_windows_stay_in_their_utterance(corpus: Corpus, normalise: Any) -> None:  # noqa: ANN401
    signal = SignalSettings(n_mels=22, context=3, normalise=normalise)
    table = read_frames(corpus, signal)
    plain = parts(corpus)
    for i, part in enumerate(plain):
        together = [plain[j].astype(np.float64) for j in grouped(corpus, i, normalise)]
        frames = sum(len(p) for p in together)
        total = sum((p.sum(axis=0) for p in together), start=np.zeros((22, 3)))
        expected = part - (total / frames if frames else 0)
        rows = table.offset[i] + np.arange(len(part))
        np.testing.assert_allclose(table.features(i), expected, atol=1e-4)
        windows = table.windows(rows)
        assert windows.shape == (len(part), 7, 22, 3)
        for t in range(len(part)):
            np.testing.assert_array_equal(windows[t], oracles.window(table.features(i), t, 3))
    if normalise != "none":
        frames_of = np.concatenate([table.features(i) for i in range(5)])
        assert np.abs(frames_of.mean(axis=0)).max() < 1e-4
    assert np.isfinite(table.static).all()


def test_labels_follow_the_centres_of_the_frames(table: FrameTable) -> None:
    expected = np.full(len(table.labels), -1)
    for i, (_, _, _, segments) in enumerate(LAYOUT):
        for phone, start, end in segments:
            inside = oracles.frames_within(Fraction(start, 10_000), Fraction(end, 10_000), HOP, int(table.count[i]))
            expected[table.offset[i] + np.array(inside, int)] = PHONES.index(phone)
    assert table.labels.tolist() == expected.tolist()
    # by hand: the centre at 0.105 s belongs to the phone that lasts from 0.1049 to 0.1051 s
    bob = table.labels[table.offset[1] : table.offset[1] + 12]
    assert bob.tolist() == [1] * 10 + [0, 2]


def test_segments_know_their_rows(table: FrameTable, corpus: Corpus) -> None:
    segments = table.segments
    flat = [(i, s) for i, u in enumerate(corpus.utterances) for s in u.segments]
    assert len(segments.utterance) == len(flat)
    for k, (i, segment) in enumerate(flat):
        assert segments.utterance[k] == i
        assert PHONES[segments.phone[k]] == segment.phone
        assert (segments.start[k], segments.end[k]) == (segment.start, segment.end)
        start, end = (Fraction(round(t * 10_000), 10_000) for t in (segment.start, segment.end))
        inside = oracles.frames_within(start, end, HOP, int(table.count[i]))
        assert (np.arange(segments.first[k], segments.last[k]) - table.offset[i]).tolist() == inside
        if inside:
            assert set(table.labels[segments.first[k] : segments.last[k]]) == {segments.phone[k]}


@pytest.mark.parametrize("split", ["train", "validation"])
def test_labelled_rows_are_the_frames_of_phones_of_one_part(table: FrameTable, corpus: Corpus, split: str) -> None:
    expected = [
        int(table.offset[i]) + t
        for i, utterance in enumerate(corpus.utterances)
        for t in range(table.count[i])
        if utterance.split == split and table.labels[table.offset[i] + t] >= 0
    ]
    assert table.labelled_rows(corpus, split).tolist() == expected
    assert expected


def test_times_are_those_of_the_centres(table: FrameTable) -> None:
    utterance = np.array([0, 1, 4])
    rows = table.offset[utterance] + np.array([0, 7, 19])
    np.testing.assert_allclose(table.time(utterance, rows), [0.005, 0.075, 0.195])


def test_any_number_of_jobs_gives_the_same_in_the_same_order(table: FrameTable, corpus: Corpus) -> None:
    several = read_frames(corpus, SIGNAL, jobs=3)
    np.testing.assert_array_equal(several.static, table.static)
    np.testing.assert_array_equal(several.labels, table.labels)
    np.testing.assert_array_equal(several.means, table.means)


@pytest.mark.parametrize("in_run", [True, False])
def test_a_file_holds_the_same_as_memory(table: FrameTable, corpus: Corpus, tmp_path: Path, in_run: bool) -> None:  # noqa: FBT001
    mapped = read_frames(corpus, SIGNAL, memory=0, folder=tmp_path if in_run else None)
    assert not mapped.static.flags.writeable
    rows = table.labelled_rows(corpus, "train")
    np.testing.assert_array_equal(mapped.windows(rows), table.windows(rows))
    for name in ("static", "means", "mean_of", "labels", "offset", "count"):
        np.testing.assert_array_equal(getattr(mapped, name), getattr(table, name))


def test_utterances_of_one_recording_lie_together_and_are_what_they_were(corpus: Corpus, tmp_path: Path) -> None:
    alone = read_frames(corpus, SIGNAL)
    audio = [load_audio(u.audio, RATE) for u in corpus.utterances]
    silence = np.zeros(777, np.float32)
    path = tmp_path / "long.wav"
    pieces = [piece for one in (audio[1], audio[0], audio[4]) for piece in (silence, one)]
    soundfile.write(path, np.concatenate(pieces), RATE, subtype="FLOAT")
    starts = {1: 777, 0: 2 * 777 + len(audio[1]), 4: 3 * 777 + len(audio[1]) + len(audio[0])}
    utterances = [
        replace(u, audio=path, start=starts[i] / RATE) if i in starts else u for i, u in enumerate(corpus.utterances)
    ]
    table = read_frames(replace(corpus, utterances=tuple(utterances)), SIGNAL)
    # one recording after the other, as the corpus comes to them first
    assert table.offset.tolist() == [0, 50, 100, 104, 80]
    assert table.count.tolist() == alone.count.tolist()
    for i in range(5):
        np.testing.assert_allclose(table.features(i), alone.features(i), atol=1e-5)
        rows, before = (t.offset[i] + np.arange(t.count[i]) for t in (table, alone))
        np.testing.assert_array_equal(table.labels[rows], alone.labels[before])
        np.testing.assert_allclose(table.windows(rows), alone.windows(before), atol=1e-5)
    for split in ("train", "validation"):
        assert np.bincount(
            table.labels[table.labelled_rows(replace(corpus, utterances=tuple(utterances)), split)]
        ).tolist() == (np.bincount(alone.labels[alone.labelled_rows(corpus, split)]).tolist())


def test_audio_that_can_not_be_read_is_named(corpus: Corpus, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no audio")
    first = corpus.utterances[0]
    utterance = Utterance("u", first.speaker, broken, 0.5, first.segments)
    with pytest.raises(AudioError, match=r"broken\.wav"):
        read_frames(Corpus("c", (first, utterance), PHONES), SIGNAL, jobs=2)


def test_utterances_within_a_recording_are_as_if_cut_out(tmp_path: Path) -> None:
    """A recording at another rate with two channels; each utterance has one of them, or their mean."""
    rate = 44_100
    sound = np.random.default_rng(5).uniform(-0.3, 0.3, (3 * rate, 2))
    soundfile.write(tmp_path / "long.flac", sound, rate)
    at_16k = [load_audio(tmp_path / "long.flac", RATE, channel=channel) for channel in (0, 1, None)]
    places = ((0.0, 1.0, 0), (1.0, 0.7, 1), (1.25, 1.5, None))
    marked = (Segment("a", 0.1, 0.35), Segment("i", 0.4, 0.6))
    utterances = []
    for i, (start, duration, channel) in enumerate(places):
        cut = at_16k[2 if channel is None else channel][round(start * RATE) : round((start + duration) * RATE)]
        soundfile.write(tmp_path / f"{i}.wav", cut, RATE, subtype="FLOAT")
        within = Utterance(f"u{i}", "s", tmp_path / "long.flac", duration, marked, start=start, channel=channel)
        utterances.append((within, Utterance(f"u{i}", "s", tmp_path / f"{i}.wav", duration, marked)))
    found, expected = (read_frames(Corpus("c", tuple(each), PHONES), SIGNAL) for each in zip(*utterances, strict=True))
    np.testing.assert_array_equal(found.count, expected.count)
    np.testing.assert_array_equal(found.labels, expected.labels)
    for i in range(3):
        np.testing.assert_allclose(found.features(i), expected.features(i), atol=0.02)
