"""From a sentence and a voice to a clean utterance with its phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr

from phonoscope.corpus.espeak import PITCH, RANGE, RATE, VOLUME
from phonoscope.corpus.phone_times import PAUSE, Interval, phone_intervals
from phonoscope.corpus.voices import PARTS, Voice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.corpus.degrade import Wave
    from phonoscope.corpus.espeak import Espeak
    from phonoscope.corpus.types import Split

SAMPLE_RATE = 16_000
_VOLUME = 50  # of espeak's 0 to 200; at its 100 some variants clip
_MARGINS = (0.1, 0.3)  # s of pause before the first and after the last phone


@dataclass(frozen=True, slots=True)
class Take:
    """One utterance that is to be spoken: by whom, what, and its number within its part."""

    id: str
    part: Split
    number: int
    voice: Voice
    text: str


@dataclass(frozen=True, slots=True)
class Rendering:
    """An utterance before rooms and noise: samples at `SAMPLE_RATE`, and phones from first to last."""

    clean: Wave
    intervals: tuple[Interval, ...]

    def spoken(self) -> NDArray[np.bool_]:
        """Mark the samples that are speech, (n,)."""
        mask = np.ones(len(self.clean), dtype=bool)
        for interval in self.intervals:
            if interval.phone == PAUSE:
                mask[interval.start : interval.end] = False
        return mask


def generator(seed: int, take: Take) -> np.random.Generator:
    """Return the generator of an utterance's draws: they depend on nothing but seed, part and number."""
    return np.random.default_rng([seed, 2, PARTS.index(take.part), take.number])


def rendered(take: Take, espeak: Espeak, rng: np.random.Generator) -> Rendering:
    """Speak an utterance, find its phones, scale the vocal tract and put pauses around it."""
    rate, pitch, pitch_range = take.voice.parameters(rng)
    espeak.set_voice(take.voice.variant)
    for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range), (VOLUME, _VOLUME)):
        espeak.set_parameter(parameter, value)
    speech = espeak.say(espeak.with_palatal_nasals(take.text))
    factor = SAMPLE_RATE / speech.rate * take.voice.tract
    before, after = rng.uniform(*_MARGINS, 2)
    stretched, intervals = scaled(speech.samples, phone_intervals(speech), factor)
    return with_margins(stretched, intervals, round(before * SAMPLE_RATE), round(after * SAMPLE_RATE))


def scaled(samples: NDArray[np.int16], intervals: list[Interval], factor: float) -> tuple[Wave, list[Interval]]:
    """Stretch speech and the times of its phones by a factor.

    Parameters
    ----------
    samples
        (n,) speech.
    intervals
        Its phones, contiguous from its first sample to its last.
    factor
        Samples that come out for one that goes in.

    Returns
    -------
    tuple[Wave, list[Interval]]
        (round(n * factor),) samples within ±1; intervals, to the nearest sample.
    """
    stretched: Wave = soxr.resample(samples / 32768, 1.0, factor)
    marks = [min(round(i.start * factor), len(stretched)) for i in intervals] + [len(stretched)]
    moved = [Interval(i.phone, marks[k], marks[k + 1]) for k, i in enumerate(intervals)]
    return stretched, moved


def with_margins(wave: Wave, intervals: list[Interval], before: int, after: int) -> Rendering:
    """Put silence around speech, in samples; it joins the pauses that are there at the ends already."""
    clean = np.concatenate([np.zeros(before), wave, np.zeros(after)])
    moved = [Interval(i.phone, i.start + before, i.end + before) for i in intervals]
    if moved and moved[0].phone == PAUSE:
        moved[0] = Interval(PAUSE, 0, moved[0].end)
    else:
        moved.insert(0, Interval(PAUSE, 0, before))
    if moved[-1].phone == PAUSE:
        moved[-1] = Interval(PAUSE, moved[-1].start, len(clean))
    else:
        moved.append(Interval(PAUSE, len(clean) - after, len(clean)))
    return Rendering(clean, tuple(moved))
