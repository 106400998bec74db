"""The nouns of aligned speech: segment, utterance, corpus."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Split = Literal["train", "validation"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech with one phone label; times are in seconds from the start of the audio."""

    phone: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One stretch of audio by one speaker, with its segments in the order of time.

    Segments carry phones of the corpus's inventory only: pauses, and labels that fold onto no phone, leave gaps. Their
    times count from the utterance's start, which lies `start` seconds into the recording `audio`; `channel` is the
    one of its channels that holds the speaker (from 0), or None for the mean of all.
    """

    id: str
    speaker: str
    audio: Path
    duration: float
    segments: Sequence[Segment]  # a tuple, or `phonoscope.corpus.segments.Segments`
    split: Split = "train"
    start: float = 0.0
    channel: int | None = None


@dataclass(frozen=True)
class Corpus:
    """Utterances and the inventory of their phones.

    Attributes
    ----------
    name
        What the corpus is called in tables and reports.
    utterances
        In a fixed order: by path.
    phones
        The inventory, in its table's order; a phone of it need not occur.
    folded
        How often each label of the files was folded onto which phone: ``(label, phone) -> tokens``.
    left_over
        How often each label occurred that is neither a phone nor a pause; its time counts as no phone.
    warnings
        What the reader found odd but could use, a sentence each.
    notation
        What the inventory, or the notation of the labels, is called; "" if nobody said.
    ipa
        Each phone's sign in the International Phonetic Alphabet, as far as known.
    """

    name: str
    utterances: tuple[Utterance, ...]
    phones: tuple[str, ...]
    folded: dict[tuple[str, str], int] = field(default_factory=dict)
    left_over: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notation: str = ""
    note: str = ""
    ipa: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Length of all audio, in seconds."""
        return sum(u.duration for u in self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    def of(self, split: Split) -> tuple[Utterance, ...]:
        """Return the utterances of one part."""
        return tuple(u for u in self.utterances if u.split == split)

    def phone_counts(self, split: Split | None = None) -> Counter[str]:
        """Count the segments of each phone, in one part or in all."""
        from phonoscope.corpus.segments import phones_counted  # noqa: PLC0415 - it needs `Segment`

        counts: Counter[str] = Counter()
        for utterance in self.utterances:
            if split in (None, utterance.split):
                counts.update(phones_counted(utterance.segments))
        return counts
