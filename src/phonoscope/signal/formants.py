"""The first two formants of vowels by Praat's Burg method, with a formant ceiling for each speaker.

Praat is reached through praat-parselmouth, which is under the GPL: it is imported in the one function that uses it,
and nothing else of phonoscope needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.errors import PhonoscopeError
from phonoscope.progress import Quiet
from phonoscope.signal.audio import utterance_audio

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Progress

CEILINGS = tuple(range(4_500, 6_501, 250))
"""Candidate formant ceilings, Hz: from a long vocal tract to a short one."""
STANDARD_CEILING = 5_500
"""Praat's own default, Hz: taken where there are too few vowels to choose by."""

# The least number of vowel tokens beyond one a vowel that a ceiling is chosen by. With 10 degrees of freedom for each
# of two formants, the standard error of the variance is sqrt(2 / 20), 32 % of it; a wrong ceiling often doubles it.
_LEAST_FREEDOM = 10
_FORMANTS = 5  # that Praat looks for below the ceiling
_WINDOW = 0.025  # seconds; Praat's Gaussian window is twice as long
_HALF = 0.03  # seconds of sound on each side of the point of measurement: the window, and a margin for the resampling
_RATE = 16_000


class PraatMissingError(PhonoscopeError):
    """praat-parselmouth is not installed; a caller may fall back on `phonoscope.phones.reference_formants`."""

    def __init__(self) -> None:
        super().__init__(
            "formants can not be measured: praat-parselmouth is not installed. Run `pip install praat-parselmouth`."
        )


def formants_at(
    wave: NDArray[np.floating], rate: float, times: Sequence[float], ceilings: Sequence[float] = CEILINGS
) -> NDArray[np.float64]:
    """Measure F1 and F2 at some times under each of some formant ceilings.

    Praat's Burg method: the sound is resampled to twice the ceiling and pre-emphasised from 50 Hz; the resonances of a
    linear predictor of ten coefficients, in one Gaussian window of 50 ms around the time, are the five formants.

    Parameters
    ----------
    wave
        One channel, shape (samples,). Before its start and after its end there is silence.
    rate
        Samples a second. Where it is below twice a ceiling, there is no sound for the upper formants, and the lower
        ones are less certain.
    times
        Seconds.
    ceilings
        Hz.

    Returns
    -------
    F1 and F2 in Hz, shape (times, ceilings, 2); NaN where Praat finds none, as in digital silence.

    Raises
    ------
    PraatMissingError
        praat-parselmouth is not installed.
    """
    try:
        from parselmouth import Sound  # noqa: PLC0415 - GPL, and optional
    except ImportError:
        raise PraatMissingError from None

    half = round(_HALF * rate)
    padded = np.pad(wave.astype(np.float64), half)
    found = np.full((len(times), len(ceilings), 2), np.nan)
    for i, time in enumerate(times):
        middle = round(time * rate)
        sound = Sound(padded[middle : middle + 2 * half], sampling_frequency=rate)
        for j, ceiling in enumerate(ceilings):
            # a step longer than the sound: one frame, which lies in its middle
            formants = sound.to_formant_burg(1.0, _FORMANTS, ceiling, _WINDOW, 50.0)
            found[i, j] = [formants.get_value_at_time(n, half / rate) for n in (1, 2)]
    return found


def within_vowel_variance(
    formants: NDArray[np.float64], vowels: NDArray[np.integer]
) -> tuple[NDArray[np.float64], int]:
    """Measure under each ceiling how much the tokens of one vowel differ in log F1 and log F2.

    ``Σ_v Σ_i∈v |log f_i - mean_v|² / Σ_v (n_v - 1)``, where f_i is (F1, F2): the variances of the vowels, weighted by
    their degrees of freedom, for F1 and F2 together. Only tokens of which every ceiling gives both formants count, so
    that no ceiling gains by losing the odd ones.

    Parameters
    ----------
    formants
        Hz, shape (tokens, ceilings, 2), NaN where there is none.
    vowels
        Which vowel each token is, shape (tokens,).

    Returns
    -------
    The variance under each ceiling, shape (ceilings,), NaN where no vowel has two tokens; the degrees of freedom.
    """
    whole = np.isfinite(formants).all(axis=(1, 2))
    logs, of = np.log(formants[whole]), vowels[whole]
    freedom = len(of) - len(np.unique(of))
    if freedom == 0:
        return np.full(formants.shape[1], np.nan), 0
    squares = np.zeros(formants.shape[1])
    for vowel in np.unique(of):
        tokens = logs[of == vowel]
        squares += ((tokens - tokens.mean(axis=0)) ** 2).sum(axis=(0, 2))
    return squares / freedom, freedom


def choose_ceilings(
    formants: NDArray[np.float64],
    ceilings: Sequence[float],
    vowels: Sequence[str],
    speakers: Sequence[str],
) -> NDArray[np.int64]:
    """Choose each speaker's formant ceiling: the one under which the tokens of a vowel differ least.

    After Escudero, Boersma, Rauber and Bion (2009), who choose for each vowel of each speaker; here one ceiling serves
    all vowels of a speaker, see `within_vowel_variance`. A speaker with fewer than 10 tokens beyond one a vowel gets
    the ceiling under which the tokens of one vowel and one speaker differ least over all speakers; should there be too
    few of these too, the one nearest to Praat's standard of 5,500 Hz. Of equal ones the lowest is taken.

    Parameters
    ----------
    formants
        Hz, shape (tokens, ceilings, 2), NaN where there is none.
    ceilings
        Hz, ascending.
    vowels, speakers
        Of each token.

    Returns
    -------
    Index into `ceilings` of each token, shape (tokens,).
    """
    names, speaker = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    kinds, vowel = np.unique(np.asarray(vowels, dtype=str), return_inverse=True)
    variance, freedom = within_vowel_variance(formants, speaker * len(kinds) + vowel)
    standard = int(np.abs(np.asarray(ceilings) - STANDARD_CEILING).argmin())
    pooled = int(variance.argmin()) if freedom >= _LEAST_FREEDOM else standard
    chosen = np.full(len(formants), pooled, dtype=np.int64)
    for s in range(len(names)):
        own = speaker == s
        variance, freedom = within_vowel_variance(formants[own], vowel[own])
        if freedom >= _LEAST_FREEDOM:
            chosen[own] = variance.argmin()
    return chosen


def measure_formants(
    corpus: Corpus,
    samples: pl.DataFrame,
    vowels: Collection[str],
    *,
    ceilings: Sequence[float] = CEILINGS,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Measure F1 and F2 in the middle of the segment of every sample that is a vowel.

    An utterance's audio is read once. All ceilings are tried on every sample, about 0.25 ms each; in one thread, as
    Praat does not let go of Python's lock.

    Parameters
    ----------
    corpus
        Has the audio of the utterances.
    samples
        A row a sample: sample, utterance, speaker, phone, start, end (seconds).
    vowels
        The phones that are measured; best the oral vowels alone: nasal ones have zeros in their spectra, which a linear
        predictor can not follow, and disturb the choice of the ceilings.
    ceilings
        Candidates for each speaker's formant ceiling, Hz, ascending.
    progress
        Where to tell how far it is.

    Returns
    -------
    A row a vowel sample, in the order of `samples`: sample, speaker, phone, f1, f2 (Hz; null where Praat finds none),
    ceiling (Hz; see `choose_ceilings`).

    Raises
    ------
    PraatMissingError
        praat-parselmouth is not installed.
    AudioError
        An audio file can not be decoded.
    ValueError
        The corpus does not have an utterance of the samples.
    """
    progress = progress or Quiet()
    tokens = samples.filter(pl.col("phone").is_in(list(vowels))).with_row_index("token")
    utterances = {utterance.id: utterance for utterance in corpus.utterances}
    unknown = set(tokens["utterance"]) - utterances.keys()
    if unknown:
        msg = f"the corpus has no utterance {min(unknown)!r}"
        raise ValueError(msg)
    found = np.full((tokens.height, len(ceilings), 2), np.nan)
    with progress.bar("formants", tokens.height, "vowels") as advance:
        for (utterance,), of in tokens.group_by("utterance", maintain_order=True):
            wave = utterance_audio(utterances[str(utterance)], _RATE)
            middles = ((of["start"] + of["end"]) / 2).to_list()
            found[of["token"].to_numpy()] = formants_at(wave, _RATE, middles, ceilings)
            advance(of.height)
    chosen = choose_ceilings(found, ceilings, tokens["phone"].to_list(), tokens["speaker"].to_list())
    best = found[np.arange(len(found)), chosen]
    return tokens.select(
        "sample",
        "speaker",
        "phone",
        pl.Series("f1", best[:, 0]).fill_nan(None),
        pl.Series("f2", best[:, 1]).fill_nan(None),
        pl.Series("ceiling", np.asarray(ceilings, np.float64)[chosen]),
    )


def formant_table(measured: pl.DataFrame) -> pl.DataFrame:
    """Summarise formants by phone.

    Parameters
    ----------
    measured
        What `measure_formants` returns.

    Returns
    -------
    A row a phone, in the order in which they occur: phone, n (samples with both formants), f1, f2 (medians, Hz),
    f1_low, f1_high, f2_low, f2_high (quartiles, Hz, interpolated linearly); null where there is no formant.
    """
    quartiles = [
        pl.col(name).quantile(share, "linear").alias(f"{name}_{end}")
        for name in ("f1", "f2")
        for end, share in (("low", 0.25), ("high", 0.75))
    ]
    return measured.group_by("phone", maintain_order=True).agg(
        (pl.col("f1").is_not_null() & pl.col("f2").is_not_null()).sum().cast(pl.Int64).alias("n"),
        pl.col("f1", "f2").median(),
        *quartiles,
    )
