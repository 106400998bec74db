"""Who says what in the built-in corpus."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.corpus.balance import balanced, dealt, in_rounds
from phonoscope.corpus.phone_times import phone_names
from phonoscope.corpus.rendering import Take
from phonoscope.corpus.voices import PARTS, draw_voices
from phonoscope.corpus.workers import answers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Split
    from phonoscope.corpus.voices import Voice
    from phonoscope.settings import SynthSettings

_SENTENCES_A_SHARD = 140  # fixed, as espeak's state passes from one sentence to the next
_VALIDATION_SENTENCES = 3  # one sentence in so many is kept for validation
# what an utterance lasts: its length in the default voice times the one, plus the other, seconds
_STRETCH, _MARGINS = 175 / 160, 0.4


def plan(settings: SynthSettings, *, jobs: int) -> list[Take]:
    """Decide who says what: sentences chosen for balance, every voice with about as much to say."""
    texts = sentences()
    counts, lengths = phone_counts(texts, jobs)
    held = dealt(counts, _VALIDATION_SENTENCES, settings.seed)
    voices = draw_voices(settings.train_voices, settings.validation_voices, settings.seed)
    minutes = (settings.train_minutes, settings.validation_minutes)
    takes: list[Take] = []
    for part, numbers, total in zip(PARTS, held, minutes, strict=True):
        estimate = lengths[numbers] * _STRETCH + _MARGINS
        chosen = in_rounds(balanced(counts[numbers], estimate, total * 60), settings.seed)
        takes += _dealt_to_voices(part, [texts[numbers[i]] for i in chosen], voices[part])
    return takes


def _dealt_to_voices(part: Split, texts: list[str], voices: list[Voice]) -> list[Take]:
    digits = len(str(math.ceil(len(texts) / len(voices))))
    return [
        Take(f"{voice.name}-{place + 1:0{digits}d}", part, number, voice, texts[number])
        for turn, voice in enumerate(voices)
        for place, number in enumerate(range(turn, len(texts), len(voices)))
    ]


@cache
def sentences() -> tuple[str, ...]:
    """Return the sentences of the built-in corpus."""
    text = (files("phonoscope.corpus") / "data" / "french-sentences.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def phone_counts(texts: tuple[str, ...], jobs: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count the phones of sentences as espeak's default voice speaks them.

    Returns
    -------
    tuple[NDArray, NDArray]
        (sentences, phones) counts, the phones in the order of `phone_names`; (sentences,) lengths in seconds.
    """
    columns = {phone: i for i, phone in enumerate(phone_names())}
    counts = np.zeros((len(texts), len(columns)), dtype=np.int64)
    lengths = np.zeros(len(texts))

    def heard(answer: dict[str, Any]) -> None:
        np.add.at(counts[answer["number"]], [columns[phone] for phone in answer["phones"]], 1)
        lengths[answer["number"]] = answer["seconds"]

    starts = range(0, len(texts), _SENTENCES_A_SHARD)
    shards = [{"first": first, "sentences": texts[first : first + _SENTENCES_A_SHARD]} for first in starts]
    answers(shards, jobs=jobs, folder=None, heard=heard)
    return counts, lengths
