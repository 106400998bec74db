"""Exact phone times, from what espeak announces and from the clean sound itself.

espeak announces a phoneme when it starts to make it, to the sample, with three exceptions that are put right
here.

- It pauses *before* it announces: the closure of a stop, and short gaps before fricatives and words, come
  ahead of the event. These pauses are exact zeros in every voice that we use. Silence before a stop is its
  closure and belongs to it; any other gap between two phones is parted in the middle.
- It announces a vowel that follows a liquid or a nasal only *after* the vowel's onset; a glide w before a
  vowel even at the same time as the vowel, and an R between vowels 15 ms ahead of the second. The boundary is
  put where the spectrum changes most.
- The prevocalic y of "nuit" is the semivowel H.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.corpus.espeak import Event, Speech

STOPS = frozenset("ptkbdg")
SONORANTS = frozenset("mnJRljw")
VOWELS = frozenset(["i", "y", "e", "E", "2", "9", "a", "o", "O", "u", "a~", "o~", "e~"])
PAUSE = ""

_STRESS_MARKS = "',%=|"
_SHORTEST_SILENCE = 0.003  # s; shorter runs of zeros occur within sounds
_ADJACENT = 0.002  # s; a pause that ends so close to an event is the event's
_LONGEST_CLOSURE = 0.06  # s; of a stop after a pause, where silence says nothing about the closure
_SHORTEST_SONORANT = 0.03  # s; unless its vowel would be shorter than that
_BACK, _AHEAD = 0.05, 0.06  # s; how far from the event a vowel's onset is looked for


@dataclass(frozen=True, slots=True)
class Interval:
    """A phone, or a pause (``""``), from one sample up to another."""

    phone: str
    start: int
    end: int


@cache
def phone_table() -> dict[str, str]:
    """Return espeak's French phoneme mnemonics and the phone that each is; ``""`` is a pause."""
    with (files("phonoscope.corpus") / "data" / "espeak-phones.csv").open(encoding="utf-8") as file:
        return {row["mnemonic"]: row["phone"] for row in csv.DictReader(file)}


def phone_names() -> tuple[str, ...]:
    """Return the phones that can occur, sorted; H has no mnemonic of its own."""
    return tuple(sorted({*phone_table().values(), "H"} - {PAUSE}))


def phone_intervals(speech: Speech) -> list[Interval]:
    """Return the phones and pauses of clean speech: contiguous intervals from its first sample to its last.

    Raises
    ------
    KeyError
        espeak spoke a phoneme that has no row in ``espeak-phones.csv``: a row is missing, or a sentence has a
        word that espeak takes for a foreign one.
    """
    phones = phones_of(speech.events)
    starts = [event.sample for event in speech.events]
    if not starts or starts[0] > 0:
        phones.insert(0, PAUSE)
        starts.insert(0, 0)
    marks = [
        (phone, start)
        for phone, start, end in zip(phones, starts, [*starts[1:], len(speech.samples)], strict=True)
        if phone != PAUSE or start < end  # espeak pauses for no time at all between some words
    ]
    phones, starts = [phone for phone, _ in marks], [start for _, start in marks]
    starts = _with_closures(phones, starts, speech)
    starts = _with_onsets(phones, starts, speech)
    ends = [*starts[1:], len(speech.samples)]
    intervals = [Interval(*i) for i in zip(phones, starts, ends, strict=True) if i[1] < i[2]]
    return _pauses_joined(intervals)


def phones_of(events: tuple[Event, ...]) -> list[str]:
    """Name the phone of each event."""
    table = phone_table()
    names = [event.mnemonic.lstrip(_STRESS_MARKS) for event in events]
    try:
        phones = [table[name] for name in names]
    except KeyError as error:
        spoken = " ".join(event.mnemonic for event in events)
        msg = f"no row for espeak's phoneme {error} in espeak-phones.csv; spoken: {spoken}"
        raise KeyError(msg) from None
    for i, (event, following) in enumerate(pairwise(events)):
        # stressed ("'y"), it is the vowel of its own syllable; before another word too
        unstressed = event.mnemonic == names[i]
        if phones[i] == "y" and unstressed and phones[i + 1] in VOWELS and event.word == following.word:
            phones[i] = "H"
    return phones


def silences(samples: NDArray[np.int16], shortest: int) -> NDArray[np.intp]:
    """Return (n, 2) starts and ends of the runs of at least `shortest` zeros."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], samples == 0, [False]]).astype(np.int8)))
    runs = edges.reshape(-1, 2)
    return runs[runs[:, 1] - runs[:, 0] >= shortest]


def _with_closures(phones: list[str], starts: list[int], speech: Speech) -> list[int]:
    """Give the silence before each event to the phone, or the phones, that it belongs to."""
    runs = silences(speech.samples, round(_SHORTEST_SILENCE * speech.rate))
    slack = round(_ADJACENT * speech.rate)
    moved = list(starts)
    for i in range(1, len(starts)):
        event = starts[i]
        # the last run that starts before the event
        at = int(np.searchsorted(runs[:, 0], event)) - 1
        if at < 0 or runs[at, 1] < event - slack:
            continue
        silence = max(int(runs[at, 0]), moved[i - 1])
        if phones[i] in STOPS:
            if phones[i - 1] == PAUSE:
                silence = max(silence, event - round(_LONGEST_CLOSURE * speech.rate))
            moved[i] = silence
        elif phones[i] == PAUSE:
            moved[i] = silence
        elif phones[i - 1] != PAUSE:
            moved[i] = (silence + event) // 2
    return moved


def _with_onsets(phones: list[str], starts: list[int], speech: Speech) -> list[int]:
    """Move the starts of vowels (and H) after sonorants to where the spectrum changes most."""
    rate = speech.rate
    moved = list(starts)
    ends = [*starts[1:], len(speech.samples)]
    shortest = round(_SHORTEST_SONORANT * rate)
    for i in range(1, len(starts)):
        if phones[i - 1] not in SONORANTS or not (phones[i] in VOWELS or phones[i] in ("H", "w")):
            continue
        if phones[i] == "w" and starts[i] - moved[i - 1] >= shortest:
            continue  # only a vowel is announced late; before w there may be an R that is too short
        low = max(moved[i - 1] + shortest, starts[i] - round(_BACK * rate))
        high = min(starts[i] + round(_AHEAD * rate), (starts[i] + ends[i]) // 2, ends[i] - shortest)
        if low >= high:  # no room to look around in
            moved[i] = max(starts[i], (moved[i - 1] + ends[i]) // 2)
        else:
            candidates = np.arange(low, high, max(1, rate // 700))
            moved[i] = int(candidates[np.argmax(spectral_change(speech.samples, rate, candidates))])
    return moved


def spectral_change(samples: NDArray[np.int16], rate: int, times: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return how much the spectrum changes at each time (a sample's number): the rms difference in dB.

    The spectra of the 18 ms before and after (a whole period of a low voice), in 24 bands from 150 to 6,000
    Hz, with 60 dB between the loudest and the floor.
    """
    half = round(0.009 * rate)
    offsets = np.arange(-half, half)
    centres = np.stack([times - half, times + half])  # (2, n)
    padded = np.pad(samples.astype(np.float64), 2 * half)
    frames = padded[centres[..., None] + offsets + 2 * half] * np.hanning(2 * half)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    edges = np.unique(np.round(np.geomspace(150, 6000, 25) / rate * 512).astype(int))
    bands = np.add.reduceat(power, edges, axis=-1)[..., :-1]
    decibels = 10 * np.log10(bands + bands.max() * 1e-6 + 1e-9)
    change: NDArray[np.float64] = np.sqrt(np.mean((decibels[1] - decibels[0]) ** 2, axis=-1))
    return change


def _pauses_joined(intervals: list[Interval]) -> list[Interval]:
    """Join pauses that follow each other."""
    joined: list[Interval] = []
    for interval in intervals:
        if interval.phone == PAUSE and joined and joined[-1].phone == PAUSE:
            joined[-1] = Interval(PAUSE, joined[-1].start, interval.end)
        else:
            joined.append(interval)
    return joined
