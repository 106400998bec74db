"""The speakers of the built-in corpus: espeak's voice variants, made many by pitch, rate and vocal tract.

The variants listed in ``data/espeak-variants.txt`` are those that are neither whispered nor robotic,
overdriven or doubles of each other, and whose pauses are exact zeros (an echo would fill the closures of the
stops).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from phonoscope.corpus.types import Split

PARTS: tuple[Split, ...] = ("train", "validation")
SHORTEST_TRACT, LONGEST_TRACT = 0.88, 1.14  # of the variant's own length
_PITCHES, _RANGES = (25, 75), (30, 70)  # of 0 to 100
_RATES = (130, 190)  # words a minute
_PITCH_JITTER, _RATE_JITTER = 4.0, 6.0  # standard deviations from utterance to utterance


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker.

    Attributes
    ----------
    name
        Its folder's name.
    variant
        espeak's voice variant.
    pitch, pitch_range
        espeak's parameters, 0 to 100.
    rate
        Words a minute, as they are heard: after the vocal tract has been scaled.
    tract
        Length of the vocal tract relative to the variant's. The sound is stretched by this factor, so that
        formants, and the pitch, go down by it.
    """

    name: str
    variant: str
    pitch: float
    pitch_range: float
    rate: float
    tract: float

    def parameters(self, rng: np.random.Generator) -> tuple[int, int, int]:
        """Draw espeak's rate, pitch and pitch range for one utterance, a little off the voice's own."""
        rate = (self.rate + _RATE_JITTER * rng.standard_normal()) * self.tract
        pitch = self.pitch + _PITCH_JITTER * rng.standard_normal()
        return round(rate), round(np.clip(pitch, 0, 100)), round(self.pitch_range)


@cache
def variants() -> tuple[str, ...]:
    """Return the names of the espeak voice variants that serve."""
    text = (files("phonoscope.corpus") / "data" / "espeak-variants.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def draw_voices(n_train: int, n_validation: int, seed: int) -> dict[Split, list[Voice]]:
    """Draw the voices of both parts.

    No espeak variant speaks in both parts. In a part with more voices than variants, a variant speaks several
    times, with other pitches, rates and vocal tracts.
    """
    rng = np.random.default_rng([seed, 0])
    order = [variants()[i] for i in rng.permutation(len(variants()))]
    # both parts need variety: validation never gets less than a quarter of the variants, nor more than half
    share = np.clip(n_validation / (n_train + n_validation), 0.25, 0.5)
    n_held_out = round(share * len(order))
    pools = {"train": order[n_held_out:], "validation": order[:n_held_out]}
    sizes = {"train": n_train, "validation": n_validation}
    return {part: _drawn(part, sizes[part], pools[part], rng) for part in PARTS}


def _drawn(part: Split, n: int, pool: list[str], rng: np.random.Generator) -> list[Voice]:
    # stratified, so that a handful of voices covers the span of vocal tracts as well as many do
    tracts = (rng.permutation(n) + rng.random(n)) / n * (LONGEST_TRACT - SHORTEST_TRACT) + SHORTEST_TRACT
    digits = len(str(n))
    return [
        Voice(
            name=f"{part[0]}{i + 1:0{digits}d}",
            variant=pool[i % len(pool)],
            pitch=float(rng.uniform(*_PITCHES)),
            pitch_range=float(rng.uniform(*_RANGES)),
            rate=float(rng.uniform(*_RATES)),
            tract=float(tracts[i]),
        )
        for i in range(n)
    ]
