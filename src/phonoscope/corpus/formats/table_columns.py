"""Which column of a table means what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES: Final = {
    "phone": ("phone", "label", "segment", "phoneme", "symbol"),
    "start": ("start", "begin", "xmin", "onset", "tmin", "start_time", "begin_time"),
    "end": ("end", "stop", "xmax", "offset", "tmax", "end_time", "stop_time"),
    "duration": ("duration", "dur", "length"),
    "audio": (
        "audio",
        "file",
        "path",
        "recording",
        "filename",
        "file_name",
        "audio_path",
        "audio_file",
        "wav",
        "sound",
    ),
    "utterance": ("utterance", "utt", "utterance_id", "utt_id", "uttid", "utterance_name"),
    "speaker": ("speaker", "spk", "speaker_id", "spk_id"),
    "channel": ("channel",),
    "split": ("split", "part", "subset"),
    "utterance_start": ("utterance_start", "utterance_begin", "utt_start"),
    "utterance_end": ("utterance_end", "utterance_stop", "utt_end"),
}
"""What a column may be called, the name that counts most first; case, spaces and hyphens do not count."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each thing stands in a row: its meaning -> its index; `n` columns in all."""

    at: dict[str, int]
    n: int

    @property
    def lacking(self) -> list[str]:
        """What a table of phones needs and this one does not have."""
        has = self.at.keys()
        needed = [name for name in ("phone", "start") if name not in has]
        needed += [] if has & {"end", "duration"} else ["end"]
        return needed + ([] if has & {"audio", "utterance"} else ["audio or utterance"])


def columns(header: Sequence[str], phone: str = "") -> Columns:
    """Tell the columns by their names; `phone` is the column of the phones where it is not called by a usual name."""
    keys = [_key(name) for name in header]
    at = {}
    for meaning, names in NAMES.items():
        wanted = (_key(phone),) if meaning == "phone" and phone else names
        found = next((keys.index(name) for name in wanted if name in keys), None)
        if found is not None:
            at[meaning] = found
    if "end" in at:
        at.pop("duration", None)
    return Columns(at, len(header))


def _key(name: str) -> str:
    return "_".join(name.strip().casefold().replace("-", " ").replace("_", " ").split())
