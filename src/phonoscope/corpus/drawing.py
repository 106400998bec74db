"""Drawing what is held out for validation, by a hash of the seed and the names."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

from phonoscope.corpus.segments import seconds_of_speech
from phonoscope.errors import SplitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from phonoscope.corpus.source import Part
    from phonoscope.corpus.types import Utterance

_ROUNDING = 0.001
"""Seconds; times may have been written with three decimals."""


def held_out_utterances(
    utterances: Sequence[Utterance], recording: Mapping[Path, Path], share: float, seed: int
) -> set[str]:
    """Choose whole recordings, of every speaker alike; return their utterances' ids.

    Parameters
    ----------
    recording
        What stands for the recording of each audio file.
    share
        Of the seconds of speech, between 0 and 1.

    Raises
    ------
    SplitError
        Fewer than two recordings have speech.
    """
    ids: dict[Path, list[str]] = defaultdict(list)
    speech: dict[Path, float] = defaultdict(float)
    shares: dict[Path, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for u in utterances:
        if not u.segments:
            continue
        seconds = seconds_of_speech(u.segments)
        ids[recording[u.audio]].append(u.id)
        speech[recording[u.audio]] += seconds
        shares[recording[u.audio]][u.speaker] += seconds
    if len(ids) < 2:  # noqa: PLR2004 (one for each part)
        msg = "a corpus needs at least two utterances with speech, to train on and to validate on; add some."
        raise SplitError(msg)
    names = {min(these): place for place, these in ids.items()}  # a recording is called as its first utterance
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for name, place in names.items():
        of = shares[place]
        by_speaker[min(of, key=lambda speaker: (-of[speaker], speaker))].append(name)
    # Each speaker's recordings, shuffled, are spread evenly over the unit interval, all speakers' are merged
    # there, and any stretch of the merged order holds the same share of every speaker; the hash decides where
    # in its step each speaker starts, so that speakers with few recordings are not all first.
    order: list[tuple[float, str]] = []
    for speaker, own in by_speaker.items():
        offset = _draw(seed, speaker)
        own.sort(key=lambda key: (_draw(seed, key), key))
        order += [((i + offset) / len(own), key) for i, key in enumerate(own)]
    chosen = _held_out([key for _, key in sorted(order)], {name: speech[names[name]] for name in names}, share)
    places = {names[name] for name in chosen}
    return {u.id for u in utterances if recording[u.audio] in places}


def held_out_speakers(
    utterances: Sequence[Utterance], recording: Mapping[Path, Path], share: float, seed: int
) -> set[str]:
    """Choose whole speakers, together with those who share a recording with them; return their utterances' ids.

    Raises
    ------
    SplitError
        All speech is by one speaker, or all speakers are linked by their recordings.
    """
    circle = _circles([(u.speaker, recording[u.audio]) for u in utterances])
    speech: dict[str, float] = defaultdict(float)
    for u in utterances:
        if u.segments:
            speech[circle[u.speaker]] += seconds_of_speech(u.segments)
    if len(speech) < 2:  # noqa: PLR2004 (one for each part)
        speakers = sorted({u.speaker for u in utterances if u.segments})
        if len(speakers) > 1:
            msg = (
                f"corpus.split = speaker: the {len(speakers)} speakers are heard in the same recordings, so that none "
                "can be held out whole; choose --corpus.split utterance, which holds out whole recordings."
            )
        else:
            msg = (
                f"corpus.split = speaker: all speech is by one speaker, {(speakers or ['nobody'])[0]!r}. Give each "
                "speaker a folder, or say by --corpus.speaker where a path names the speaker, or choose "
                "--corpus.split utterance."
            )
        raise SplitError(msg)
    chosen = _held_out(sorted(speech, key=lambda name: (_draw(seed, name), name)), speech, share)
    return {u.id for u in utterances if circle[u.speaker] in chosen}


def last_stretch(utterances: Sequence[Utterance], share: float) -> dict[str, Part]:
    """Hold out the end of the only recording: return each utterance's part, by its id.

    What starts after some time is for validation, what ends before it for training; what goes on across it, on another
    channel for instance, is in neither part ("").

    Raises
    ------
    SplitError
        Nothing would be left for training.
    """
    spoken = sorted((u for u in utterances if u.segments), key=lambda u: (-u.start, u.id))
    target = share * sum(seconds_of_speech(u.segments) for u in spoken)
    since, total = float("inf"), 0.0
    for u in spoken:
        seconds = seconds_of_speech(u.segments)
        if u.start < since < float("inf") and abs(total + seconds - target) >= abs(total - target):
            break
        since, total = u.start, total + seconds
    parts: dict[str, Part] = {}
    for u in utterances:
        crosses = u.start + u.duration > since + _ROUNDING
        parts[u.id] = "validation" if u.start >= since else "" if crosses else "train"
    if not any(parts[u.id] == "train" for u in spoken):
        msg = "the only recording can not be parted, as its utterances overlap; add another recording."
        raise SplitError(msg)
    return parts


def _circles(pairs: Iterable[tuple[str, Path]]) -> dict[str, str]:
    """Name for each speaker the first, by name, of those who are linked to him by recordings that they share."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    heard: dict[Path, str] = {}
    for speaker, place in pairs:
        one, two = sorted((root(speaker), root(heard.setdefault(place, speaker))))
        parent[two] = one
    return {speaker: root(speaker) for speaker in list(parent)}


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


def _draw(seed: int, name: str) -> float:
    """Draw a number in [0, 1) for a name."""
    return int.from_bytes(blake2b(f"{seed}/{name}".encode(), digest_size=6).digest()) / 2**48
