"""All the tables beside a CTM, and what they say of a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from phonoscope.corpus.formats import kaldi

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from phonoscope.corpus.source import Tree

_T = TypeVar("_T")


@dataclass
class Folder:
    """The tables that belong to a CTM; those that are not there are empty.

    Attributes
    ----------
    segments
        ``utterance -> where it lies``.
    segments_path
        The table that they are from.
    segments_of
        ``recording -> its utterances``.
    speakers
        ``utterance -> speaker``.
    files
        ``recording -> file``, of wav.scp.
    files_path
        The table that they are from.
    sides
        ``recording -> (file, channel)``.
    phones
        ``number -> phone``; None without the table.
    """

    segments: dict[str, kaldi.Stretch]
    segments_path: Path | None
    speakers: dict[str, str]
    files: dict[str, str]
    files_path: Path | None
    sides: dict[str, tuple[str, str]]
    phones: dict[str, str] | None
    segments_of: dict[str, list[str]] = field(init=False)
    _recordings: dict[tuple[str, int | None], str] = field(init=False)

    def __post_init__(self) -> None:
        """Look the tables up the other way round."""
        self.segments_of = {}
        for utterance, stretch in self.segments.items():
            self.segments_of.setdefault(stretch.recording, []).append(utterance)
        self._recordings = {
            (file, kaldi.channel_number(channel)): recording for recording, (file, channel) in self.sides.items()
        }

    @classmethod
    def beside(cls, tree: Tree, ctm: Path, taken: Container[Path]) -> Folder:
        """Read the tables that belong to a CTM; those in the folders `taken` belong to the CTMs there.

        Raises
        ------
        FormatError
            A table is broken, or it is open which one belongs to the CTM.
        """

        def table(name: str, read: Callable[[Path], dict[str, _T]]) -> tuple[dict[str, _T], Path | None]:
            path = kaldi.find_table(tree, ctm, name, taken)
            return (read(path), path) if path else ({}, None)

        segments, segments_path = table("segments", kaldi.segments)
        files, files_path = table("wav.scp", kaldi.recordings)
        phones, phones_path = table("phones.txt", kaldi.phone_names)
        return cls(
            segments,
            segments_path,
            table("utt2spk", lambda path: kaldi.pairs(path, "an utterance and its speaker"))[0],
            files,
            files_path,
            table("reco2file_and_channel", kaldi.sides)[0],
            phones if phones_path else None,
        )

    def recording_of(self, name: str, channel: str) -> str:
        """Return the recording that the first two columns of a CTM name: itself, or a file and its channel."""
        if name in self.segments_of or name in self.sides:
            return name
        return self._recordings.get((name, kaldi.channel_number(channel)), name)

    def audio(self, tree: Tree, ctm: Path, recording: str) -> Path | None:
        """Find a recording: as wav.scp has it, else by the file that it is a channel of, else by its own name."""
        file = self.sides.get(recording, (recording, ""))[0]
        for name in (recording, file):
            if name in self.files and self.files_path is not None:
                where = f"recording {name[:40]!r}"
                return tree.audio_named(self.files[name], self.files_path, where)
        return tree.audio_named(file, ctm) or tree.audio_named(recording, ctm)
