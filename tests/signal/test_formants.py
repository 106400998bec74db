from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

import oracles_phonology as oracles
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.synth import write_synthetic
from phonoscope.corpus.types import Corpus, Utterance
from phonoscope.errors import PhonoscopeError
from phonoscope.phones.inventory import french
from phonoscope.phones.reference_formants import reference_formants
from phonoscope.progress import Quiet
from phonoscope.settings import CorpusSettings, Settings, SynthSettings
from phonoscope.signal.audio import utterance_audio
from phonoscope.signal.formants import (
    CEILINGS,
    PraatMissingError,
    choose_ceilings,
    formant_table,
    formants_at,
    measure_formants,
    within_vowel_variance,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.progress import Advance

    Floats = NDArray[np.float64]

RATE = 16_000
HIGHER = {"i": (2_900, 3_500, 4_600)}  # F3, F4, F5
USUAL = (2_500, 3_500, 4_500)
VOWELS = {
    "i": (300, 2_100),
    "y": (300, 1_750),
    "e": (370, 1_950),
    "E": (530, 1_720),
    "a": (690, 1_260),
    "O": (530, 1_000),
    "u": (320, 770),
}
ORAL = tuple(reference_formants()["phone"])

SYNTHETIC = SynthSettings(
    train_minutes=0.5,
    validation_minutes=2.0,
    train_voices=2,
    validation_voices=6,
    snr_low=100,
    snr_high=100,
    reverberated=0,
)


def vowel(
    f1: float, f2: float, higher: tuple[float, ...] = USUAL, *, pitch: float = 110.0, seconds: float = 0.2
) -> Floats:
    """Glottal pulses through five resonances."""
    n = round(seconds * RATE)
    pulses = np.zeros(n)
    pulses[np.arange(0, n, RATE / pitch).astype(int)] = 1.0
    wave = lfilter([1.0], [1.0, -0.97], pulses)  # 6 dB less an octave, as in a voice that has left the lips
    for frequency, bandwidth in zip((f1, f2, *higher), (60, 80, 120, 180, 250), strict=True):
        radius = math.exp(-math.pi * bandwidth / RATE)
        denominator = [1.0, -2 * radius * math.cos(2 * math.pi * frequency / RATE), radius**2]
        wave = lfilter([sum(denominator)], denominator, wave)
    return np.asarray(0.5 * wave / np.abs(wave).max())


# --- measuring ---


@pytest.mark.parametrize("pitch", [90.0, 130.0])
@pytest.mark.parametrize("name", VOWELS)
def test_the_formants_of_a_made_vowel_come_back(name: str, pitch: float) -> None:
    f1, f2 = VOWELS[name]
    found = formants_at(vowel(f1, f2, HIGHER.get(name, USUAL), pitch=pitch), RATE, [0.1], [5_000])
    assert found.shape == (1, 1, 2)
    assert found[0, 0] == pytest.approx([f1, f2], rel=0.06)


def test_the_formants_are_those_at_the_time_asked_for() -> None:
    wave = np.concatenate([vowel(*VOWELS["i"], HIGHER["i"]), vowel(*VOWELS["a"]), vowel(*VOWELS["u"])])
    found = formants_at(wave.astype(np.float32), RATE, [0.5, 0.1, 0.3], [4_750, 5_000, 5_250])
    assert found.shape == (3, 3, 2)
    for name, measured in zip("uia", found, strict=True):
        np.testing.assert_allclose(measured, [VOWELS[name]] * 3, rtol=0.08)
    alone = formants_at(wave, RATE, [0.1], [5_000])
    np.testing.assert_allclose(found[1, 1], alone[0, 0], rtol=1e-4)


def test_a_few_hundredths_of_a_second_are_as_good_as_the_whole_sound() -> None:
    parselmouth = pytest.importorskip("parselmouth")
    wave = np.concatenate([vowel(*VOWELS["e"]), vowel(*VOWELS["O"])])
    whole = parselmouth.Sound(wave, RATE).to_formant_burg(0.001, 5, 5_500.0, 0.025, 50.0)
    times = [0.07, 0.1205, 0.185, 0.195, 0.205, 0.22, 0.31]  # some while the one becomes the other
    for time, found in zip(times, formants_at(wave, RATE, times, [5_500]), strict=True):
        assert found[0] == pytest.approx([whole.get_value_at_time(n, time) for n in (1, 2)], rel=0.03)


def test_silence_has_no_formants_and_the_ends_of_the_sound_are_no_error() -> None:
    wave = np.concatenate([vowel(*VOWELS["a"]), np.zeros(RATE)])
    found = formants_at(wave, RATE, [0.6, 0.0, 0.02, len(wave) / RATE], CEILINGS)
    assert np.isnan(found[[0, 3]]).all()
    assert np.isfinite(found[2]).all()
    assert formants_at(wave, RATE, [], CEILINGS).shape == (0, len(CEILINGS), 2)


def test_without_parselmouth_there_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "parselmouth", None)
    with pytest.raises(PraatMissingError, match="pip install praat-parselmouth"):
        formants_at(np.zeros(RATE), RATE, [0.5])
    assert issubclass(PraatMissingError, PhonoscopeError)


# --- ceilings ---

HZ = st.floats(200, 3_000)
UNDER_THREE_CEILINGS = st.lists(st.tuples(HZ, HZ), min_size=3, max_size=3)
LOST_UNDER_ONE = st.tuples(UNDER_THREE_CEILINGS, st.integers(0, 2)).map(
    lambda drawn: [(math.nan, f2) if i == drawn[1] else (f1, f2) for i, (f1, f2) in enumerate(drawn[0])]
)
TOKENS = st.lists(
    st.tuples(st.sampled_from("aiu"), st.one_of(UNDER_THREE_CEILINGS, UNDER_THREE_CEILINGS, LOST_UNDER_ONE)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)
@given(TOKENS)
def test_the_variance_within_vowels_equals_the_formula(tokens: list[tuple[str, list[tuple[float, float]]]]) -> None:
    expected, freedom = oracles.within_vowel_variance(tokens)
    codes = np.array(["aiu".index(vowel) for vowel, _ in tokens])
    found, found_freedom = within_vowel_variance(np.array([pairs for _, pairs in tokens]), codes)
    assert found_freedom == freedom
    assert found.tolist() == pytest.approx(expected, nan_ok=True, rel=1e-9, abs=1e-12)


def noisy(spread: list[float], n: int, seed: int = 0) -> Floats:
    """Tokens of one vowel, shape (n, ceilings, 2), whose formants vary more or less by ceiling."""
    random = np.random.default_rng(seed)
    return np.asarray(np.exp(random.normal(0, 1, (n, 1, 2)) * np.array(spread)[None, :, None]) * [500, 1_500])


def test_every_speaker_gets_the_ceiling_that_varies_least() -> None:
    one, other = noisy([0.3, 0.1, 0.2], 30), noisy([0.1, 0.3, 0.2], 30)
    other[:15] *= 2  # another vowel: what lies between vowels does not count
    formants = np.concatenate([one, other])
    vowels = ["a"] * 30 + ["i"] * 15 + ["u"] * 15
    speakers = ["x"] * 30 + ["y"] * 30
    assert choose_ceilings(formants, [4_500, 5_000, 5_500], vowels, speakers).tolist() == [1] * 30 + [0] * 30


def test_a_speaker_with_few_vowels_gets_the_ceiling_of_all() -> None:
    formants = np.concatenate([noisy([0.12, 0.11, 0.1], 10), noisy([0.1, 0.3, 0.2], 11, seed=1)])
    formants[:10, 0] *= 3  # nor does what lies between speakers
    speakers = ["few"] * 10 + ["enough"] * 11
    variance, freedom = within_vowel_variance(formants, np.repeat([0, 1], [10, 11]))
    assert freedom == 19
    assert variance.argmin() == 0
    assert choose_ceilings(formants, [4_500, 5_000, 6_000], ["a"] * 21, speakers).tolist() == [0] * 21
    enough = np.concatenate([formants[:10], formants[:1], formants[10:]])
    speakers = ["few"] * 11 + ["enough"] * 11
    assert choose_ceilings(enough, [4_500, 5_000, 6_000], ["a"] * 22, speakers).tolist() == [2] * 11 + [0] * 11


def test_too_few_vowels_in_all_get_praat_s_ceiling() -> None:
    formants = noisy([0.1, 0.2, 0.3], 10)
    assert choose_ceilings(formants, [4_500, 5_250, 6_000], ["a"] * 10, ["x"] * 10).tolist() == [1] * 10
    assert choose_ceilings(formants[:0], CEILINGS, [], []).tolist() == []


def test_a_ceiling_gains_nothing_by_losing_the_odd_tokens() -> None:
    formants = noisy([0.11, 0.1], 20)
    formants[0] = np.array([[np.nan, np.nan], [5_000, 50]])  # far off under the one, lost under the other
    assert choose_ceilings(formants, [5_000, 5_500], ["a"] * 20, ["x"] * 20).tolist() == [1] * 20


def test_a_longer_vocal_tract_gets_a_lower_ceiling() -> None:
    random = np.random.default_rng(0)
    formants, vowels, speakers = [], [], []
    for speaker, scale in (("long", 0.85), ("short", 1.2)):
        for name in ("i", "e", "a", "O", "u"):
            for _ in range(6):
                poles = np.array([*VOWELS[name], *HIGHER.get(name, USUAL)]) * scale * random.normal(1, 0.03, 5)
                f1, f2, *higher = poles.tolist()
                wave = vowel(f1, f2, tuple(higher), pitch=random.uniform(90, 160), seconds=0.1)
                formants.append(formants_at(wave, RATE, [0.05])[0])
                vowels.append(name)
                speakers.append(speaker)
    chosen = np.array(CEILINGS)[choose_ceilings(np.array(formants), CEILINGS, vowels, speakers)]
    assert chosen[0] + 500 <= chosen[-1]


# --- corpora ---


class Counting(Quiet):
    """Counts the steps of its bars."""

    def __init__(self) -> None:
        self.total = self.done = 0

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Advance]:  # noqa: ARG002 - a bar has a text
        self.total = total

        def advance(steps: int) -> None:
            self.done += steps

        yield advance


@pytest.fixture
def spoken(tmp_path: Path) -> tuple[Corpus, pl.DataFrame]:
    """Two utterances, one of them stereo at 44.1 kHz; a vowel every 0.2 s."""
    names = ["i", "a", "u", "s", "E"]
    wave = np.concatenate([vowel(*VOWELS.get(name, VOWELS["a"]), HIGHER.get(name, USUAL)) for name in names])
    wave[round(0.8 * RATE) :] = 0.0  # /E/ is not to be heard
    soundfile.write(tmp_path / "one.wav", wave, RATE)
    at = np.arange(0, 1, 1 / 44_100)
    other = np.interp(at, np.arange(len(wave)) / RATE, wave)
    soundfile.write(tmp_path / "two.flac", np.column_stack([other, other]), 44_100)
    utterances = tuple(
        Utterance(id_, "speaker", tmp_path / file, 1.0, ()) for id_, file in (("1", "one.wav"), ("2", "two.flac"))
    )
    rows = [
        (u, "speaker", phone, round(i * 0.2, 1), round(i * 0.2 + 0.2, 1)) for u in "12" for i, phone in enumerate(names)
    ]
    samples = pl.DataFrame(rows, schema=["utterance", "speaker", "phone", "start", "end"], orient="row")
    samples = samples.with_columns(sample=pl.int_range(10) * 3).sort("phone", "utterance")
    return Corpus("spoken", utterances, ("i", "a", "u", "s", "E")), samples


def test_every_vowel_of_the_samples_is_measured_in_their_order(spoken: tuple[Corpus, pl.DataFrame]) -> None:
    corpus, samples = spoken
    progress = Counting()
    found = measure_formants(corpus, samples, {"i", "a", "u", "E"}, ceilings=[5_000], progress=progress)
    assert found.columns == ["sample", "speaker", "phone", "f1", "f2", "ceiling"]
    assert found["sample"].to_list() == samples.filter(pl.col("phone") != "s")["sample"].to_list()
    assert found["phone"].to_list() == ["E", "E", "a", "a", "i", "i", "u", "u"]
    assert found["ceiling"].to_list() == [5_000.0] * 8
    assert found.filter(phone="E")["f1"].to_list() == found.filter(phone="E")["f2"].to_list() == [None, None]
    for phone, f1, f2 in found.filter(pl.col("phone") != "E").select("phone", "f1", "f2").iter_rows():
        assert [f1, f2] == pytest.approx(VOWELS[phone], rel=0.08)
    assert (progress.total, progress.done) == (8, 8)


def test_a_file_is_read_once(spoken: tuple[Corpus, pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, samples = spoken
    read: list[Path] = []

    def reading(utterance: Utterance, rate: int) -> NDArray[np.float32]:
        read.append(utterance.audio)
        return utterance_audio(utterance, rate)

    monkeypatch.setattr("phonoscope.signal.formants.utterance_audio", reading)
    measure_formants(corpus, samples, {"a", "i"})
    assert sorted(path.name for path in read) == ["one.wav", "two.flac"]


def test_no_vowel_and_an_unknown_utterance(spoken: tuple[Corpus, pl.DataFrame]) -> None:
    corpus, samples = spoken
    nothing = measure_formants(corpus, samples, {"y"})
    assert nothing.shape == (0, 6)
    assert formant_table(nothing).shape == (0, 8)
    with pytest.raises(ValueError, match="no utterance '3'"):
        measure_formants(corpus, samples.with_columns(utterance=pl.lit("3")), {"a"})


def test_the_table_by_phone() -> None:
    measured = pl.DataFrame(
        {
            "phone": ["u", "a", "a", "a", "a", "i"],
            "f1": [300.0, 600.0, 700.0, 800.0, None, None],
            "f2": [700.0, 1_200.0, 1_300.0, None, None, None],
        },
        schema_overrides={"f1": pl.Float64},
    )
    assert formant_table(measured).rows(named=True) == [
        {"phone": "u", "n": 1, "f1": 300, "f2": 700, "f1_low": 300, "f1_high": 300, "f2_low": 700, "f2_high": 700},
        {
            "phone": "a",
            "n": 2,
            "f1": 700,
            "f2": 1_250,
            "f1_low": 650,
            "f1_high": 750,
            "f2_low": 1_225,
            "f2_high": 1_275,
        },
        dict.fromkeys(["f1", "f2", "f1_low", "f1_high", "f2_low", "f2_high"]) | {"phone": "i", "n": 0},
    ]


def test_the_reference_has_the_oral_vowels() -> None:
    reference = reference_formants()
    classes = french().classes
    assert reference["phone"].to_list() == [p for p in french().phones if classes[p] == "oral vowel"]
    assert reference.schema == {"phone": pl.String, "f1": pl.Float64, "f2": pl.Float64}
    assert reference.row(by_predicate=pl.col("phone") == "a") == ("a", 684, 1256)
    lie_as_french_vowels_do({phone: (f1, f2) for phone, f1, f2 in reference.iter_rows()})


def lie_as_french_vowels_do(found: dict[str, tuple[float, float]]) -> None:
    """Four heights, one after the other; and at each height front before front rounded, and far before back."""
    heights = ["iyu", "e2o", "E9O", "a"]
    for closer, opener in pairwise(heights):
        assert max(found[v][0] for v in closer) < min(found[v][0] for v in opener), (closer, opener)
    for unrounded, rounded, back in map(tuple, heights[:3]):
        assert found[unrounded][1] > 1.03 * found[rounded][1]
        assert found[rounded][1] > 1.15 * found[back][1], (rounded, back)


def measured(corpus: Corpus, each: int) -> tuple[dict[str, tuple[float, float]], pl.DataFrame]:
    """Some oral vowels of every speaker that are not too short."""
    rows = [(u.id, u.speaker, s.phone, s.start, s.end) for u in corpus.utterances for s in u.segments]
    samples = pl.DataFrame(rows, schema=["utterance", "speaker", "phone", "start", "end"], orient="row")
    samples = samples.with_row_index("sample").filter(pl.col("end") - pl.col("start") > 0.06)
    samples = samples.filter(pl.int_range(pl.len()).over("speaker", "phone") < each)
    found = measure_formants(corpus, samples, ORAL)
    return {row["phone"]: (row["f1"], row["f2"]) for row in formant_table(found).iter_rows(named=True)}, found


def ratios(found: dict[str, tuple[float, float]], formant: int) -> dict[str, float]:
    reference = {phone: pair for phone, *pair in reference_formants().iter_rows()}
    return {phone: found[phone][formant] / reference[phone][formant] for phone in found}


def test_the_vowels_of_the_built_in_corpus_lie_where_french_ones_do(tmp_path: Path) -> None:
    write_synthetic(tmp_path / "corpus", SYNTHETIC, jobs=2, progress=Quiet())
    corpus = read_corpus(tmp_path / "corpus", Settings(corpus=CorpusSettings(split="folder")))
    found, tokens = measured(corpus, each=12)
    assert set(found) == set(ORAL)
    lie_as_french_vowels_do(found)
    f1, f2 = ratios(found, 0), ratios(found, 1)
    assert f1.pop("e") < 1.35, "espeak-ng's e is an open one"
    assert all(0.85 < ratio < 1.15 for ratio in f1.values()), f1
    assert all(0.85 < ratio < 1.15 for ratio in f2.values()), f2
    ceilings = tokens.group_by("speaker").agg(pl.col("ceiling").unique())
    assert all(len(own) == 1 for own in ceilings["ceiling"])
    assert tokens["ceiling"].n_unique() > 1, "voices differ"


def test_real_french_vowels_lie_where_they_do(french_prompts: Path) -> None:
    found, tokens = measured(read_corpus(french_prompts), each=20)
    lie_as_french_vowels_do(found)
    f1, f2 = ratios(found, 0), ratios(found, 1)
    assert all(0.8 < ratio < 1.2 for ratio in f1.values()), f1
    assert all(0.9 < ratio < 1.45 for ratio in f2.values()), f2  # one of the two is a woman; back vowels are fronted
    ceiling = dict(tokens.select("speaker", "ceiling").unique().iter_rows())
    assert ceiling["june"] >= ceiling["tux"] + 500, "a woman and a man"


def test_an_utterance_within_a_recording_is_measured_there(tmp_path: Path) -> None:
    names = ("i", "a", "u", "E")
    parts = [vowel(*VOWELS[name], HIGHER.get(name, USUAL)) for name in names]
    other = vowel(*VOWELS["y"])
    soundfile.write(tmp_path / "all.wav", np.column_stack([np.concatenate(parts), np.tile(other, 4)]), RATE)
    utterances = tuple(
        Utterance(name, "s", tmp_path / "all.wav", 0.2, (), start=0.2 * i, channel=0) for i, name in enumerate(names)
    )
    rows = [(i, name, "s", name, 0.0, 0.2) for i, name in enumerate(names)]
    samples = pl.DataFrame(rows, schema=["sample", "utterance", "speaker", "phone", "start", "end"], orient="row")
    found = measure_formants(Corpus("c", utterances, names), samples, names, ceilings=[5_000])
    for name, f1, f2 in found.select("phone", "f1", "f2").iter_rows():
        assert [f1, f2] == pytest.approx(VOWELS[name], rel=0.08)
