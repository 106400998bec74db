"""The built-in corpus: what is on disk is checked end to end, against the sound itself."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from praatio import textgrid

from phonoscope.corpus import planning, synth
from phonoscope.corpus.degrade import coloured_noise, degraded, power, reverberated, room
from phonoscope.corpus.espeak import Espeak
from phonoscope.corpus.phone_times import STOPS, VOWELS, Interval, phone_intervals, phone_names, phone_table
from phonoscope.corpus.planning import phone_counts, plan, sentences
from phonoscope.corpus.rendering import SAMPLE_RATE, scaled, with_margins
from phonoscope.corpus.synth import built_in_corpus_folder, write_synthetic
from phonoscope.corpus.textgrid_writing import text_grid
from phonoscope.corpus.voices import draw_voices
from phonoscope.errors import OutputFolderError, SettingError
from phonoscope.phones.inventory import french
from phonoscope.progress import Quiet
from phonoscope.settings import SynthSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.degrade import Wave
    from phonoscope.corpus.rendering import Take

TINY = SynthSettings(train_minutes=1.0, validation_minutes=0.5, train_voices=6, validation_voices=3)
CLEAN = replace(TINY, snr_low=100, snr_high=100, reverberated=0)
INVENTORY = set(french().phones)


@pytest.fixture(scope="session")
def espeak() -> Espeak:
    """The only one of this process: the library does not survive a second."""
    return Espeak(0)


def test_a_second_espeak_in_a_process_is_refused(espeak: Espeak) -> None:
    assert espeak.rate == 22_050
    with pytest.raises(RuntimeError, match="once in a process"):
        Espeak(1)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus without noise and rooms."""
    folder: Path = tmp_path_factory.mktemp("clean") / "corpus"
    write_synthetic(folder, CLEAN, jobs=2, progress=Quiet())
    return folder


@pytest.fixture(scope="module")
def takes() -> list[Take]:
    """Who says what in the corpus of default size."""
    return plan(SynthSettings(), jobs=2)


@pytest.fixture
def few_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the sentences, for tests that would wait only for the counting of the phones of all."""
    some = sentences()[::6]
    monkeypatch.setattr(planning, "sentences", lambda: some)


def files_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def utterances(folder: Path) -> Iterator[tuple[Path, Wave, list[Interval], str]]:
    """Read audio and TextGrids back with soundfile and praatio; intervals in samples."""
    for path in sorted(folder.rglob("*.TextGrid")):
        wave, rate = soundfile.read(path.with_suffix(".flac"), dtype="float64")
        assert rate == SAMPLE_RATE
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
        assert grid.tierNames == ("transcript", "phones")
        intervals = [
            Interval(entry.label, round(entry.start * rate), round(entry.end * rate))
            for entry in grid.getTier("phones").entries
        ]
        (transcript,) = [e.label for e in grid.getTier("transcript").entries if e.label]
        yield path, wave, intervals, transcript


def decibels(wave: Wave) -> float:
    return float(10 * np.log10(np.mean(wave**2) + 1e-12))


# --- the files ---


def test_layout_and_format(clean: Path) -> None:
    assert {path.name for path in clean.iterdir()} == {"train", "validation", "README.txt"}
    readme = (clean / "README.txt").read_text(encoding="utf-8")
    assert "Synthetic French" in readme
    assert "snr_low = 100.0" in readme
    audio = sorted(clean.glob("*/*/*.flac"))
    assert [path.with_suffix(".TextGrid") for path in audio] == sorted(clean.glob("*/*/*.TextGrid"))
    for path in audio:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype, info.format) == (16_000, 1, "PCM_16", "FLAC")


def test_intervals_are_contiguous_cover_the_file_and_hold_phones_of_the_inventory_only(clean: Path) -> None:
    labels: Counter[str] = Counter()
    for path, wave, intervals, _ in utterances(clean):
        assert intervals[0].start == 0, path
        assert intervals[-1].end == len(wave), path
        assert all(a.end == b.start for a, b in pairwise(intervals)), path
        assert all(i.start < i.end for i in intervals), path
        assert not any(a.phone == b.phone == "" for a, b in pairwise(intervals)), path
        assert intervals[0].phone == intervals[-1].phone == "", path
        labels.update(i.phone for i in intervals)
    assert set(labels) == INVENTORY | {""}


def test_the_length_is_what_was_asked_for(clean: Path) -> None:
    for part, minutes in (("train", 1.0), ("validation", 0.5)):
        seconds = sum(soundfile.info(path).duration for path in (clean / part).rglob("*.flac"))
        assert seconds / 60 == pytest.approx(minutes, rel=0.15)


@pytest.mark.usefixtures("few_sentences")
def test_the_same_bytes_whatever_the_jobs_and_whatever_was_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, espeak: Espeak
) -> None:
    monkeypatch.setattr(synth, "_TAKES_A_SHARD", 9)  # more than one shard for so little speech
    write_synthetic(tmp_path / "one", TINY, jobs=1, progress=Quiet())
    espeak.say("Rien de ce qui est dit ici ne compte.")
    write_synthetic(tmp_path / "two", TINY, jobs=2, progress=Quiet())
    assert len(files_of(tmp_path / "one")) > 50
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.usefixtures("few_sentences")
def test_another_seed_is_another_corpus() -> None:
    one, other = (plan(replace(TINY, seed=seed), jobs=2) for seed in (0, 1))
    assert [take.voice for take in one] != [take.voice for take in other]
    assert [take.text for take in one] != [take.text for take in other]


# --- the plan ---


def test_parts_share_no_voice_no_variant_and_no_sentence(takes: list[Take]) -> None:
    for of in (
        attrgetter("voice"),
        attrgetter("voice.name"),
        attrgetter("voice.variant"),
        attrgetter("text"),
    ):
        train, validation = ({of(t) for t in takes if t.part == part} for part in ("train", "validation"))
        assert train
        assert validation
        assert not train & validation
    assert len({take.voice.name for take in takes if take.part == "train"}) == 60
    assert len({take.voice.name for take in takes if take.part == "validation"}) == 20
    assert len({take.id for take in takes}) == len(takes)


def test_every_phone_has_its_share_of_both_parts(takes: list[Take]) -> None:
    counts, _ = phone_counts(sentences(), jobs=2)
    of = dict(zip(sentences(), counts, strict=True))
    for part, least in (("train", 0.02), ("validation", 0.018)):
        total = np.sum([of[take.text] for take in takes if take.part == part], axis=0)
        shares = dict(zip(phone_names(), total / total.sum(), strict=True))
        assert min(shares.values()) >= least, shares
        assert max(shares.values()) <= 0.08, shares
        assert total.min() >= 250


def test_sentences_are_many_and_all_different() -> None:
    assert len(set(sentences())) == len(sentences()) >= 400
    assert all(6 <= len(sentence.split()) <= 14 for sentence in sentences())


def test_voices_differ_and_a_part_may_have_more_of_them_than_espeak_has_variants() -> None:
    voices = draw_voices(100, 5, seed=0)
    assert len(set(voices["train"])) == 100
    assert {v.variant for v in voices["train"]}.isdisjoint(v.variant for v in voices["validation"])
    tracts = [v.tract for v in voices["train"]]
    assert 0.88 <= min(tracts) < 0.89
    assert 1.13 < max(tracts) <= 1.14


# --- phones and their times, against the sound ---


def test_times_hold_against_the_energy_of_the_sound(clean: Path) -> None:
    seen: Counter[str] = Counter()
    bursts = []
    for path, wave, intervals, _ in utterances(clean):
        level = decibels(np.concatenate([wave[i.start : i.end] for i in intervals if i.phone]))
        for before, interval in pairwise(intervals):
            where = f"{path} {interval}"
            sound = wave[interval.start : interval.end]
            third = len(sound) // 3
            if interval.phone == "":
                assert decibels(sound) < level - 40, where
            elif interval.phone in "ptk":
                # silent at first, then heard: the closure belongs to the stop, the vowel's end does not
                assert decibels(sound[:third]) < level - 25, where
                bursts.append(decibels(sound[-320:]) - decibels(sound[:third]))
            elif interval.phone in VOWELS:
                assert decibels(sound[len(sound) // 4 : -len(sound) // 4]) > level - 8, where
            elif interval.phone in ("s", "S"):
                spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
                high = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) > 2000
                assert spectrum[high].sum() > 0.7 * spectrum.sum(), where
            if before.phone == "" and interval.phone not in STOPS:
                assert decibels(wave[interval.start - 240 : interval.start - 16]) < level - 40, where
                assert decibels(sound[:240]) > level - 30, where
            seen[interval.phone] += 1
    assert np.percentile(bursts, 5) > 20
    assert sum(seen[p] for p in "ptk") > 60
    assert seen["s"] > 15


def test_espeak_says_the_phones_of_french(espeak: Espeak) -> None:
    espeak.set_voice("")

    def said(text: str) -> str:
        return " ".join(i.phone for i in phone_intervals(espeak.say(espeak.with_palatal_nasals(text))) if i.phone)

    assert said("lui") == "l H i"
    assert said("tu as") == "t y a"  # y and a belong to two words
    assert said("l'agneau") == "l a J o"  # espeak's own word would be "lanio"
    assert said("panier") == "p a n j e"  # and here n and j are two phones
    assert said("montagne") == "m o~ t a J"
    assert said("un petit oiseau") == "e~ p 2 t i t w a z o"
    with pytest.raises(KeyError, match=r"no row for espeak's phoneme '\(en\)'"):
        said("un parking")  # espeak turns to English


def test_no_phone_is_lost_or_left_without_time(espeak: Espeak) -> None:
    espeak.set_voice("")
    for text in sentences()[::9]:
        espeak.set_voice("")
        espeak.set_parameter(1, 230)  # faster than any voice speaks
        speech = espeak.say(text)
        announced = [phone_table()[event.mnemonic.lstrip("',%=|")] for event in speech.events]
        intervals = phone_intervals(speech)
        got = ["y" if i.phone == "H" else i.phone for i in intervals if i.phone]
        assert got == [phone for phone in announced if phone]
        assert min(i.end - i.start for i in intervals if i.phone) > 0.01 * speech.rate


# --- vocal tracts, rooms, noise ---


@pytest.mark.parametrize("tract", [0.88, 1.0, 1.14])
def test_the_vocal_tract_scales_times_and_frequencies_exactly(tract: float) -> None:
    rate, n = 22_050, 22_050
    factor = SAMPLE_RATE / rate * tract
    starts = np.array([0, 4_000, 9_111, 17_777])
    clicks = np.zeros(n, dtype=np.int16)
    clicks[starts[1:]] = 20_000
    ends = [*starts[1:].tolist(), n]
    intervals = [Interval(p, a, b) for p, a, b in zip("lapi", starts.tolist(), ends, strict=True)]
    wave, moved = scaled(clicks, intervals, factor)
    assert len(wave) == pytest.approx(n * factor, abs=1)
    assert moved[0].start == 0
    assert moved[-1].end == len(wave)
    assert [i.phone for i in moved] == list("lapi")
    for interval, start in zip(moved[1:], starts[1:], strict=True):
        assert interval.start == round(start * factor)
        peak = interval.start - 50 + np.argmax(np.abs(wave[interval.start - 50 : interval.start + 50]))
        assert abs(peak - start * factor) <= 1

    tone = (10_000 * np.sin(2 * np.pi * 1_000 * np.arange(n) / rate)).astype(np.int16)
    heard, _ = scaled(tone, [Interval("a", 0, n)], factor)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), 1 << 18))
    assert np.argmax(spectrum) / (1 << 18) * SAMPLE_RATE == pytest.approx(1_000 / tract, abs=0.5)


def test_margins_become_one_pause_with_what_is_there() -> None:
    rendering = with_margins(np.ones(30), [Interval("", 0, 10), Interval("a", 10, 30)], 5, 7)
    assert rendering.intervals == (Interval("", 0, 15), Interval("a", 15, 35), Interval("", 35, 42))
    assert len(rendering.clean) == 42
    assert np.flatnonzero(rendering.spoken()).tolist() == list(range(15, 35))


@pytest.mark.parametrize("snr", [-5.0, 10.0, 30.0])
def test_noise_has_the_power_that_was_asked_for(snr: float) -> None:
    rng = np.random.default_rng(3)
    wave = np.concatenate([np.zeros(4_000), rng.standard_normal(24_000) * 0.1, np.zeros(4_000)])
    speech = wave != 0

    def noisy(ratio: float) -> Wave:
        rng = np.random.default_rng(5)  # the same level and the same dither
        return degraded(wave, speech, SAMPLE_RATE, snr=ratio, reverberate=False, rng=rng)

    quiet = noisy(300.0)
    noise = noisy(snr) - quiet
    everywhere = np.ones_like(speech)
    assert 10 * np.log10(power(quiet, speech) / power(noise, everywhere)) == pytest.approx(snr, abs=0.2)
    assert -30.5 < decibels(quiet[speech]) < -19.5
    assert decibels(quiet[~speech]) == pytest.approx(-90.3, abs=0.5)  # dither, no digital zeros


def test_noise_falls_by_its_tilt() -> None:
    noise = coloured_noise(1 << 17, SAMPLE_RATE, -6.0, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)

    def octave(low: float) -> float:
        return float(10 * np.log10(np.mean(spectrum[(frequency >= low) & (frequency < 2 * low)])))

    assert octave(500) - octave(1_000) == pytest.approx(6, abs=0.5)
    assert octave(2_000) - octave(4_000) == pytest.approx(6, abs=0.5)
    assert np.mean(noise**2) == pytest.approx(1)


def test_a_room_moves_nothing_in_time() -> None:
    rng = np.random.default_rng(0)
    response = room(SAMPLE_RATE, rng)
    wave = np.zeros(20_000)
    wave[5_000] = 1
    heard = reverberated(wave, response)
    assert len(heard) == len(wave)
    assert np.abs(heard[:5_000]).max() < 1e-12
    assert heard[5_000] == pytest.approx(1)
    assert np.abs(heard[5_001:5_030]).max() < 1e-12  # then a gap, then the room
    expected = np.convolve(wave, response)[: len(wave)]
    np.testing.assert_allclose(heard, expected, atol=1e-9)
    tail = response[1:]
    first, last = np.split(tail[: len(tail) // 2 * 2], 2)
    assert np.mean(first**2) > 100 * np.mean(last**2)


@pytest.mark.usefixtures("few_sentences")
def test_settings_of_noise_reach_the_files(tmp_path: Path, clean: Path) -> None:
    loud = replace(CLEAN, snr_low=0, snr_high=0)
    write_synthetic(tmp_path / "loud", loud, jobs=2, progress=Quiet())
    margins: dict[str, list[float]] = defaultdict(list)
    for name, folder in (("clean", clean), ("loud", tmp_path / "loud")):
        for _, wave, intervals, _ in utterances(folder):
            speech = np.concatenate([wave[i.start : i.end] for i in intervals if i.phone])
            margins[name].append(decibels(speech) - decibels(wave[: intervals[0].end]))
    assert np.median(margins["clean"]) > 50
    # speech and noise of the same power together are 3 dB above the noise
    assert np.mean(margins["loud"]) == pytest.approx(3, abs=0.5)


# --- folders ---


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputFolderError, match=f"^{re.escape(str(tmp_path))}: the folder is not empty"):
        write_synthetic(tmp_path, TINY, jobs=1, progress=Quiet())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(OutputFolderError, match="can not be written"):
        write_synthetic(tmp_path / "mine.txt" / "corpus", TINY, jobs=1, progress=Quiet())


class Interrupting(Quiet):
    """Stops the work as Ctrl-C does, at the third utterance."""

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[object]:  # type: ignore[override]  # noqa: ARG002
        done = 0

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            if done == 3:
                raise KeyboardInterrupt

        yield advance


@pytest.mark.usefixtures("few_sentences")
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHONOSCOPE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(KeyboardInterrupt):
        built_in_corpus_folder(TINY, jobs=2, progress=Interrupting())  # type: ignore[arg-type]
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("few_sentences")
def test_two_that_build_at_once_get_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHONOSCOPE_CACHE", str(tmp_path / "cache"))
    folders: list[Path] = []

    def ask() -> None:
        folders.append(built_in_corpus_folder(TINY, jobs=1, progress=Quiet()))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders[0] == folders[1]
    assert list((tmp_path / "cache").iterdir()) == [folders[0]]
    before = files_of(folders[0])
    ask()  # now it is there
    assert files_of(folders[2]) == before


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("PHONOSCOPE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OutputFolderError, match="PHONOSCOPE_CACHE"):
        built_in_corpus_folder(TINY, jobs=1, progress=Quiet())


def test_a_lowest_ratio_above_the_highest_is_refused() -> None:
    with pytest.raises(SettingError, match=r"synth\.snr_low"):
        SynthSettings(snr_low=30, snr_high=10)


def test_labels_with_quotes_survive_the_textgrid(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(text_grid({"transcript": [Interval('dit "œuf"', 0, 7)]}, 16_000), encoding="utf-8")
    (entry,) = textgrid.openTextgrid(str(path), includeEmptyIntervals=True).getTier("transcript").entries
    assert (entry.start, entry.end, entry.label) == (0, 7 / 16_000, 'dit "œuf"')
