"""From the rows of a table to utterances; rows are held only until their recording is complete."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from phonoscope.corpus.formats.shared import SHOWN, part_named
from phonoscope.corpus.formats.table_cells import SPANS
from phonoscope.corpus.source import Interval, Spoken
from phonoscope.errors import CorpusError, FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonoscope.corpus.source import Tree

_AUDIO: Final = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".sph", ".mp3", ".aif", ".aiff"})
_CHANNEL_DIGITS: Final = 4
_CONSTANT: Final = ("speaker", "channel", "split", *SPANS)
"""What all rows of an utterance agree on."""


class Utterances:
    """Gathers the rows of recordings that stand together, batch by batch.

    Parameters
    ----------
    path, noun
        The table, and what a place in it is called in messages.
    tree
        The corpus's files.
    by
        The column that names the recordings: "audio", or "utterance" if there is no such column.
    """

    def __init__(self, path: Path, tree: Tree, noun: str, by: str) -> None:
        self._path, self._tree, self._noun, self._by = path, tree, noun, by
        self._held: list[pl.DataFrame] = []
        self._current: str | None = None
        self._recordings: set[int] = set()
        self._ids: set[int] = set()

    def add(self, rows: pl.DataFrame) -> Iterator[Spoken | Exception]:
        """Take the next rows, and yield the utterances of the recordings that are complete with them.

        Raises
        ------
        FormatError
            The rows of a recording, or of an utterance, stand in two places, or contradict each other.
        """
        if not rows.height:
            return
        starts = rows.select(pl.col(self._by).ne_missing(pl.col(self._by).shift()).arg_true()).to_series().to_list()
        names = rows[self._by].gather(starts).to_list()
        lines = rows["line"].gather(starts).to_list()
        for name, line in zip(names, lines, strict=True):
            if name == self._current:  # the batch goes on with the last one's recording
                continue
            if hash(name) in self._recordings:
                problem = f"{name[:60]!r} comes again after others"
                todo = f"sort the table by its column of the {self._by}"
                raise FormatError(self._path, f"{self._noun} {line}", problem, todo)
            self._recordings.add(hash(name))
            self._current = name
        last = starts[-1]
        if last or (self._held and self._held[-1][self._by][0] != names[0]):
            complete = pl.concat([*self._held, rows.head(last)])
            self._held = []
            yield from self._utterances(complete)
        self._held.append(rows.slice(last))

    def last(self) -> Iterator[Spoken | Exception]:
        """Yield the utterances of the last recording."""
        if self._held:
            yield from self._utterances(pl.concat(self._held))

    def _fail(self, line: int, problem: str, todo: str) -> FormatError:
        return FormatError(self._path, f"{self._noun} {line}", problem, todo)

    def _utterances(self, rows: pl.DataFrame) -> Iterator[Spoken | Exception]:
        """Yield the utterances of some whole recordings, in the order of their first rows.

        Without a name of its own a recording is the utterance, or each of its speakers and channels if it has several.
        """
        alone = pl.col("utterance") == ""
        keys = [self._by, "utterance", "_channel", "_speaker"]
        rows = (
            rows.with_columns(
                _channel=pl.when(alone).then("channel").otherwise(pl.lit("")),
                _speaker=pl.when(alone).then("speaker").otherwise(pl.lit("")),
            )
            .with_row_index("_row")
            .with_columns(_at=pl.col("_row").first().over(keys))
            .sort("_at", "start", "end", maintain_order=True)
        )
        groups = (
            rows.group_by("_at", maintain_order=True)
            .agg(
                pl.col("audio", "utterance", "speaker", "channel", "split", *SPANS).first(),
                pl.col("line").min(),
                pl.len().alias("_n"),
                pl.col("start").first().alias("_first"),
                pl.col("end").max().alias("_last"),
                *(pl.col(name).ne_missing(pl.col(name).first()).any().alias(f"_{name}s") for name in _CONSTANT),
            )
            .with_columns(_several=pl.len().over(self._by))
        )
        self._consistent(rows, groups)
        phones, starts, ends = rows["phone"].to_list(), rows["start"].to_list(), rows["end"].to_list()
        at, before = 0, None
        audio: Path | CorpusError | None = None
        for group in groups.iter_rows(named=True):
            own = slice(at, at + group["_n"])
            at = own.stop
            if group[self._by] != before:
                before, audio = group[self._by], self._audio(group)
                if isinstance(audio, CorpusError):
                    yield audio
            if isinstance(audio, CorpusError):
                continue
            start, end = self._span(group)
            if start:
                own_times = zip(phones[own], starts[own], ends[own], strict=True)
                found = tuple(Interval(phone, a - start, b - start) for phone, a, b in own_times)
            else:
                found = tuple(map(Interval, phones[own], starts[own], ends[own]))
            yield self._spoken(group, audio, found, start, end)

    def _consistent(self, rows: pl.DataFrame, groups: pl.DataFrame) -> None:
        """Raise an error where one utterance has two speakers, channels, parts or spans."""
        for name in _CONSTANT:
            bad = groups.filter(f"_{name}s")
            if not bad.height:
                continue
            first = bad.row(0, named=True)
            group = rows.filter(pl.col("_at") == first["_at"])
            other = group.filter(pl.col(name).ne_missing(pl.lit(first[name], group.schema[name]))).row(0, named=True)
            noun = name.replace("_", "'s ") if name in SPANS else name
            key = first["utterance"] or first[self._by]
            here, there = other[name], f"{self._noun} {first['line']}"
            problem = f"the utterance {key[:60]!r} has the {noun} {here!r}, and {first[name]!r} in {there}"
            raise self._fail(other["line"], problem, "correct one of them")

    def _audio(self, group: dict[str, Any]) -> Path | CorpusError | None:
        name = group[self._by]
        if not name:
            raise self._fail(group["line"], f"the {self._by} is missing", "fill in the cell")
        try:
            return self._tree.audio_named(name, self._path, f"{self._noun} {group['line']}")
        except CorpusError as error:
            return error

    def _span(self, group: dict[str, Any]) -> tuple[float, float | None]:
        """Return where an utterance lies in its recording; one without a span of its own shares it with no other."""
        start, end = group["utterance_start"], group["utterance_end"]
        shares = group["_several"] > 1 and group["utterance"] != ""
        if end is None and (shares or start is not None):
            end = group["_last"]
        if start is None:
            start = max(group["_first"], 0.0) if shares else 0.0
        if end is not None and end < start:
            problem = f"the utterance ends at {end:g} s, before its start at {start:g} s"
            raise self._fail(group["line"], problem, "correct one of them")
        return start, end

    def _spoken(
        self, group: dict[str, Any], audio: Path | None, found: tuple[Interval, ...], start: float, end: float | None
    ) -> Spoken:
        line = group["line"]
        key = self._id(group, audio)
        if hash(key) in self._ids:
            problem = f"the utterance {key[:60]!r} is of another recording, too"
            raise self._fail(line, problem, "give every utterance of the corpus a name of its own")
        self._ids.add(hash(key))
        part = part_named(group["split"])
        if part is None:
            todo = "write train or validation, or leave the cell empty"
            raise self._fail(line, f"{group['split'][:SHOWN]!r} is no part of a corpus", todo)
        where = f"{self._noun} {line}"
        channel = self._channel(group)
        return Spoken(key, group["speaker"], audio, found, self._path, where, start, end, channel, part)

    def _channel(self, group: dict[str, Any]) -> int | None:
        text = group["channel"].removesuffix(".0")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= _CHANNEL_DIGITS):
            problem = f"{group['channel'][:SHOWN]!r} stands where the channel should be"
            raise self._fail(group["line"], problem, "number the channels from 0")
        return int(text)

    def _id(self, group: dict[str, Any], audio: Path | None) -> str:
        utterance = group["utterance"]
        if utterance and not (group["audio"] and utterance.isdecimal()):
            return _nfc(utterance if group["audio"] else _stem(self._tree, utterance, audio))
        stem = _stem(self._tree, group[self._by], audio)
        if utterance:  # a bare number counts the utterances of a recording
            return f"{stem}/{utterance}"
        if group["_several"] == 1:
            return stem
        return _nfc("-".join([stem, *(x for x in (group["channel"], group["speaker"]) if x)]))


def _stem(tree: Tree, name: str, audio: Path | None) -> str:
    """Name a recording as the other formats do: by its place in the corpus, without its suffix."""
    if audio is not None and Path(name).is_absolute() and audio.is_relative_to(tree.root):
        return tree.id(audio)
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.suffix.lower() in _AUDIO:
        pure = pure.with_suffix("")
    return _nfc("/".join(part for part in pure.parts if part not in {"/", ".", ".."}) or name)


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)
