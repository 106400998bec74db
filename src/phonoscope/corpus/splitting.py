"""Parting a corpus into training and validation speech.

No draw depends on the order of the utterances or on the file system: each is ranked by a hash of the seed and
its name, so that the same seed gives the same parts everywhere, and a new recording hardly moves the others.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from phonoscope.errors import SplitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from phonoscope.corpus.types import Utterance
    from phonoscope.settings import CorpusSettings

TRAIN_FOLDER = "train"
VALIDATION_FOLDERS = ("validation", "valid", "val", "dev", "test")


def split(utterances: Sequence[Utterance], settings: CorpusSettings, seed: int) -> tuple[Utterance, ...]:
    """Return the utterances, in their order, each with its part: training or validation.

    ``utterance`` holds out ``settings.validation`` of the speech (the segments' seconds), as nearly as whole
    utterances allow, of every speaker alike; utterances without segments stay in training. ``speaker`` holds
    out whole speakers. ``folder`` holds out what lies in a top folder of a validation's name (all of them,
    should there be several); the rest is for training. ``auto`` is ``folder`` if there is a top folder
    ``train`` beside one of those names, and otherwise ``utterance``. A folder's case does not count.

    Raises
    ------
    SplitError
        There are fewer than two utterances (speakers) with speech, or the folders are not there, or one is
        empty.
    """
    tops = {u.id: u.id.split("/")[0].casefold() if "/" in u.id else "" for u in utterances}
    names = set(tops.values())
    by_folder = TRAIN_FOLDER in names and not names.isdisjoint(VALIDATION_FOLDERS)
    if settings.split == "folder" or (settings.split == "auto" and by_folder):
        if not by_folder:
            there = ", ".join(sorted(names - {""})) or "none"
            msg = (
                f"corpus.split = folder: there have to be a top folder {TRAIN_FOLDER!r} and one named "
                f"{', '.join(VALIDATION_FOLDERS[:-1])} or {VALIDATION_FOLDERS[-1]}; the folders with "
                f"utterances: {there}. Rename the folders, or choose --corpus.split utterance."
            )
            raise SplitError(msg)
        held_out = {key for key, top in tops.items() if top in VALIDATION_FOLDERS}
    elif settings.split == "speaker":
        held_out = _by_speaker(utterances, settings.validation, seed)
    else:
        held_out = _by_utterance(utterances, settings.validation, seed)
    parted = tuple(replace(u, split="validation" if u.id in held_out else "train") for u in utterances)
    for part in ("train", "validation"):
        if not any(u.segments for u in parted if u.split == part):
            msg = f"corpus.split = {settings.split}: the {part} part would hold no speech; choose another."
            raise SplitError(msg)
    return parted


def _by_utterance(utterances: Sequence[Utterance], share: float, seed: int) -> set[str]:
    speech = {u.id: _seconds(u) for u in utterances if u.segments}
    if len(speech) < 2:  # noqa: PLR2004 (one for each part)
        msg = "a corpus needs at least two utterances with speech, to train on and to validate on; add some."
        raise SplitError(msg)
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for u in utterances:
        if u.segments:
            by_speaker[u.speaker].append(u.id)
    # Each speaker's utterances, shuffled, are spread evenly over the unit interval, all speakers' are merged
    # there, and any stretch of the merged order holds the same share of every speaker; the hash decides where
    # in its step each speaker starts, so that speakers with few utterances are not all first.
    order: list[tuple[float, str]] = []
    for speaker, ids in by_speaker.items():
        offset = _draw(seed, speaker)
        ids.sort(key=lambda key: (_draw(seed, key), key))
        order += [((i + offset) / len(ids), key) for i, key in enumerate(ids)]
    return _held_out([key for _, key in sorted(order)], speech, share)


def _by_speaker(utterances: Sequence[Utterance], share: float, seed: int) -> set[str]:
    speech: dict[str, float] = defaultdict(float)
    for u in utterances:
        if u.segments:
            speech[u.speaker] += _seconds(u)
    if len(speech) < 2:  # noqa: PLR2004 (one for each part)
        only = next(iter(speech), "nobody")
        msg = (
            f"corpus.split = speaker: all speech is by one speaker, {only!r}. Give each speaker a folder, or "
            "say by --corpus.speaker where a path names the speaker, or choose --corpus.split utterance."
        )
        raise SplitError(msg)
    speakers = _held_out(sorted(speech, key=lambda name: (_draw(seed, name), name)), speech, share)
    return {u.id for u in utterances if u.speaker in speakers}


def _held_out(order: Iterable[str], seconds: Mapping[str, float], share: float) -> set[str]:
    """Take from `order` what brings the sum of the seconds nearer to the share; at least one, never all."""
    target = share * sum(seconds.values())
    taken: set[str] = set()
    total = 0.0
    for key in order:
        nearer = abs(total + seconds[key] - target) < abs(total - target)
        if nearer and len(taken) + 1 < len(seconds):
            taken.add(key)
            total += seconds[key]
    # everything is longer than twice the share: the shortest comes nearest
    return taken or {min(order, key=lambda key: seconds[key])}


def _seconds(utterance: Utterance) -> float:
    return sum(s.end - s.start for s in utterance.segments)


def _draw(seed: int, name: str) -> float:
    """Draw a number in [0, 1) for a name."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=6).digest()) / 2**48
