"""Lhotse: manifests of cuts, or of supervisions and recordings, as JSONL or JSON, gzipped or not.

They are read as they stand, without the library, a line at a time. In Lhotse a supervision's ``start`` counts from the
start of the recording in a manifest of supervisions, and from the start of the cut in one of cuts; the items of an
alignment count from the start of the *recording* in both (`lhotse.supervision.AlignmentItem`), also in a cut that was
trimmed. Manifests that other programs wrote count from the cut: an alignment that lies outside of its supervision when
read as Lhotse does, and within when read so, is read so.

An utterance is a supervision. Cuts of one recording that share a supervision (windows) give it once. YAML is not read:
Lhotse itself can not write alignments in it.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from phonoscope.corpus.formats import lhotse_lines
from phonoscope.corpus.formats.lhotse_audio import Recordings
from phonoscope.corpus.formats.lhotse_speech import Fault, of_cut, of_supervision
from phonoscope.corpus.formats.shared import part_named
from phonoscope.corpus.source import Listing, Unit
from phonoscope.errors import CorpusError, FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Part, Spoken, Tree
    from phonoscope.settings import CorpusSettings

_SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz", ".yaml", ".yaml.gz", ".yml")
_KINDS = ("cuts", "supervisions", "recordings")
_WORD: Final = re.compile(r"[^_.\-\s]+")


class Lhotse:
    """Satisfies `phonoscope.corpus.source.Format`."""

    name = "lhotse"
    title = "Lhotse manifests"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are manifests of cuts or supervisions, by their names; a single file by its start."""
        manifests = _manifests(tree)
        return bool(manifests["cuts"] or manifests["supervisions"])

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the manifests: of each folder those of cuts, or else those of supervisions with their recordings.

        Raises
        ------
        CorpusError
            There is none; or it is in YAML.
        """
        manifests = _manifests(tree)
        cut_folders = {path.parent for path in manifests["cuts"]}
        supervisions = [path for path in manifests["supervisions"] if path.parent not in cut_folders]
        if not manifests["cuts"] and not supervisions:
            msg = (
                f"{tree.root}: there is no manifest of cuts or supervisions; name one, or a folder with files such as "
                "cuts.jsonl.gz, or recordings.jsonl.gz and supervisions.jsonl.gz."
            )
            raise CorpusError(msg)
        units = []
        for path in sorted([*manifests["cuts"], *supervisions]):
            beside = _recordings_of(path, manifests["recordings"])
            units.append(Unit(path, partial(read, path, tree, beside, settings.tier)))
        skipped = [path for path in manifests["supervisions"] if path.parent in cut_folders]
        if skipped:
            warning = f"{skipped[0].name} was not read, for there are cuts beside it; name it to read it instead."
            return Listing(tuple(units), (warning,))
        return Listing(tuple(units))


FORMAT = Lhotse()


def read(path: Path, tree: Tree, recordings: tuple[Path, ...], tier: str) -> Iterator[Spoken | Exception]:
    """Read a manifest of cuts or supervisions, utterance by utterance.

    A supervision that can not be used is yielded as a `FormatError`, and the next one is read.

    Raises
    ------
    FormatError
        The file can not be read, is no manifest, its audio is changed when it is loaded (perturbed speed), or none of
        its supervisions has an alignment.
    CorpusError
        A recording's file is there several times.
    """
    known = Recordings(path, tree)
    for manifest in recordings:
        known.add(manifest)
    part = _part(path)
    seen: set[int] = set()
    total = aligned = 0
    for where, entry in lhotse_lines.entries(path):
        found = of_cut(entry, known, tier) if "recording_id" not in entry else of_supervision(entry, known, tier)
        for one in found:
            if one is None:
                total += 1
                continue
            if isinstance(one, Fault):
                yield FormatError(path, where, one.problem, one.todo)
                aligned, total = aligned + 1, total + 1
                continue
            key = hash((one.id, one.start))
            if key not in seen:
                seen.add(key)
                yield one.spoken(path, where, part)
            aligned, total = aligned + 1, total + 1
    if not aligned:
        what = f"none of its {total:,} supervisions has an alignment" if total else "it holds no supervision"
        raise FormatError(path, "", what, "add phone alignments by lhotse's with_alignment_from_ctm, or the like")


def _manifests(tree: Tree) -> dict[str, list[Path]]:
    """Sort the manifests by kind; only the corpus's one file is looked into, the others are told by their names."""
    found: dict[str, list[Path]] = {kind: [] for kind in _KINDS}
    for path in tree.with_suffix(".jsonl", ".json", ".gz", ".yaml", ".yml"):
        name = path.name.lower()
        if not name.endswith(_SUFFIXES):
            continue
        words = [word.removesuffix("s") for word in _WORD.findall(name)]
        kind = next((kind for kind in _KINDS if kind.removesuffix("s") in words), "")
        if not kind and path == tree.root:
            kind = lhotse_lines.kind(path)
        if kind:
            found[kind].append(path)
    return found


def _recordings_of(path: Path, recordings: list[Path]) -> tuple[Path, ...]:
    """Return the recordings manifest of the same name, else all of the same folder.

    A corpus that is one file has them beside it.
    """
    name = path.name.lower()
    if not recordings:
        partner = path.with_name(re.sub("supervisions?", "recordings", path.name))
        return (partner,) if partner != path and partner.is_file() else ()
    stem = _stem(name).replace("supervisions", "recordings")
    same = [r for r in recordings if r.parent == path.parent and _stem(r.name.lower()) == stem]
    return tuple(same or [r for r in recordings if r.parent == path.parent] or recordings)


def _stem(name: str) -> str:
    return name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")


def _part(path: Path) -> Part:
    """Tell the part by the words of a manifest's name: ``librispeech_cuts_dev-clean.jsonl.gz``."""
    parts = {part for word in _WORD.findall(path.name) if (part := part_named(word))}
    return parts.pop() if len(parts) == 1 else ""
