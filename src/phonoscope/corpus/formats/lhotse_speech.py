"""From an entry of a Lhotse manifest to utterances: whose, when, with which phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from phonoscope.corpus.formats.lhotse_lines import REMEDY
from phonoscope.corpus.formats.shared import number, shown
from phonoscope.corpus.source import Interval, Spoken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.formats.lhotse_audio import Recordings
    from phonoscope.corpus.source import Part

_USUAL: Final = ("phone", "phones", "phoneme", "phonemes", "phn", "phon", "segment", "segments")
_SLACK: Final = 0.1
"""Seconds by which an alignment may pass its supervision's ends, and is still taken to lie within."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a supervision, and what to do."""

    problem: str
    todo: str = REMEDY


@dataclass(frozen=True, slots=True)
class Utterance:
    """A supervision; `start` and `end` are seconds of the recording, the intervals' times count from `start`."""

    id: str
    speaker: str
    audio: Path | None
    channel: int | None
    start: float
    end: float
    intervals: tuple[Interval, ...]

    def spoken(self, path: Path, where: str, part: Part) -> Spoken:
        """Return what the readers of all formats return."""
        return Spoken(
            self.id, self.speaker, self.audio, self.intervals, path, where, self.start, self.end, self.channel, part
        )


Found = Utterance | Fault | None
"""None: a supervision without an alignment."""


def of_supervision(entry: dict[str, Any], known: Recordings, tier: str) -> Iterator[Found]:
    """Yield the utterance of an entry of a manifest of supervisions."""
    yield _utterance(entry, known, tier, None, 0.0, None)


def of_cut(entry: dict[str, Any], known: Recordings, tier: str) -> Iterator[Found]:
    """Yield the utterances of a cut; one of silence has none, one that was only padded has those of its one track."""
    if entry.get("type") == "PaddingCut":
        return
    tracks = entry.get("tracks")
    if isinstance(tracks, list):
        cuts = [track.get("cut") for track in tracks if isinstance(track, dict)]
        spoken = [cut for cut in cuts if isinstance(cut, dict) and cut.get("type") != "PaddingCut"]
        if len(spoken) != 1 or "tracks" in spoken[0]:
            problem = f"the cut {shown(entry.get('id'))} mixes {len(spoken)} recordings"
            yield Fault(problem, "take the manifest from before the cuts were mixed or appended")
            return
        entry = spoken[0]
    start, supervisions, recording = number(entry.get("start", 0)), entry.get("supervisions"), entry.get("recording")
    if not isinstance(supervisions, list):
        yield Fault("this is neither a cut (it has no supervisions) nor a supervision (it has no recording_id)")
    elif start is None:
        yield Fault(f"{shown(entry.get('start'))} stands where the cut's start should be")
    elif recording is not None and not isinstance(recording, dict):
        yield Fault(f"{shown(recording)} stands where the cut's recording should be")
    else:
        for supervision in supervisions:
            if isinstance(supervision, dict):
                yield _utterance(supervision, known, tier, recording, start, entry.get("channel", 0))
            else:
                yield Fault(f"{shown(supervision)} stands where a supervision should be")


def _utterance(  # noqa: PLR0911 (a fault each)
    entry: dict[str, Any],
    known: Recordings,
    tier: str,
    recording: dict[str, Any] | None,
    cut_start: float,
    cut_channel: object,
) -> Found:
    texts = [entry.get("id"), entry.get("recording_id"), entry.get("speaker") or ""]
    if not all(isinstance(text, str) for text in texts):
        return Fault("the supervision's id, recording_id or speaker is no text")
    start, length = number(entry.get("start")), number(entry.get("duration"))
    if start is None or length is None or length < 0:
        return Fault(f"the supervision {shown(entry['id'])} has no start and duration")
    alignments = entry.get("alignment")
    if not alignments:
        return None
    if not isinstance(alignments, dict):
        return Fault(f"{shown(alignments)} stands where the supervision's alignment should be")
    items = _chosen(alignments, tier)
    if not isinstance(items, list):
        return items or Fault(f"the alignment of the supervision {shown(entry['id'])} is no list")
    start += cut_start
    name = recording.get("id", entry["recording_id"]) if recording else entry["recording_id"]
    channel = entry.get("channel", 0 if cut_channel is None else cut_channel)
    audio, place = known.sound(str(name), channel, recording)
    times = _times(items)
    if isinstance(times, Fault):
        return times
    end = start + length
    times = _placed(times, start, end, cut_start)
    intervals = tuple(Interval(label, a - start, b - start) for label, a, b in times)
    return Utterance(entry["id"], str(texts[2]), audio, place, start, end, intervals)


def _chosen(alignments: dict[str, Any], tier: str) -> list[object] | Fault | None:
    """Return the items of the alignment that holds the phones; `tier`, or by its usual names."""
    keys = {key.strip().casefold(): key for key in alignments}
    wanted = [tier.strip().casefold()] if tier else list(_USUAL)
    found = next((keys[name] for name in wanted if name in keys), None)
    if found is not None:
        items = alignments[found]
        return items if isinstance(items, list) else None
    problem = f"there is no alignment {tier!r}" if tier else "no alignment has one of the usual names of phones"
    there = ", ".join(map(repr, list(alignments)[:10]))
    return Fault(f"{problem}; there are {there}", "name the phones' alignment by --corpus.tier NAME")


def _times(items: list[object]) -> list[tuple[str, float, float]] | Fault:
    """Return label, start and end of each item, in the order of time."""
    times = []
    for item in items:
        # a list since Lhotse 1.8, before that a dictionary
        values = list(item.values()) if isinstance(item, dict) else item
        if isinstance(item, dict) and "symbol" in item:
            values = [item.get("symbol"), item.get("start"), item.get("duration")]
        if not isinstance(values, list) or not 3 <= len(values) <= 4 or not isinstance(values[0], str):  # noqa: PLR2004 (symbol, start, duration, score)
            return Fault(f"{shown(item)} stands where an item [symbol, start, duration, score] should be")
        start, length = number(values[1]), number(values[2])
        if start is None or length is None or length < 0:
            return Fault(f"the item {shown(item)} of the alignment has no start and duration")
        # Lhotse rounds so; 1.6 + 0.4 would not be where the next item starts
        times.append((values[0], start, round(start + length, 8)))
    times.sort(key=lambda one: one[1:])
    return times


def _placed(
    times: list[tuple[str, float, float]], start: float, end: float, cut_start: float
) -> list[tuple[str, float, float]]:
    """Return the times in the recording: as they are, or moved by the cut's or the supervision's start.

    As they are, unless they then lie outside of the supervision, and moved they lie within.
    """
    if not times:
        return times
    first, last = times[0][1], max(b for _, _, b in times)
    for offset in (0.0, cut_start, start):
        if first + offset >= start - _SLACK and last + offset <= end + _SLACK:
            return [(label, a + offset, b + offset) for label, a, b in times] if offset else times
    return times
