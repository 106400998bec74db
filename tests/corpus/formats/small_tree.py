"""A `Tree` as small as can be, for the tests of single formats."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from phonoscope.corpus.files import AUDIO_SUFFIXES
from phonoscope.errors import CorpusError


class SmallTree:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = (root,) if root.is_file() else tuple(sorted(p for p in root.rglob("*") if p.is_file()))

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        return tuple(path for path in self.files if path.suffix.lower() in suffixes)

    def id(self, path: Path) -> str:
        folder = self.root.parent if self.root.is_file() else self.root
        return unicodedata.normalize("NFC", path.relative_to(folder).with_suffix("").as_posix())

    def audio_of(self, path: Path) -> Path | None:
        return self._only([a for a in self._audio() if a.parent == path.parent and _same(a.stem, path.stem)], path.stem)

    def audio_named(self, name: str, beside: Path) -> Path | None:
        for folder in (beside.parent, self.root):
            if "\0" not in name and len(name) < 200 and (folder / name).is_file():
                return folder / name
        stem = Path(name).stem if Path(name).suffix.lower() in AUDIO_SUFFIXES else Path(name).name
        return self._only([a for a in self._audio() if _same(a.stem, stem)], name)

    def _audio(self) -> list[Path]:
        files = sorted(self.root.parent.rglob("*")) if self.root.is_file() else self.files
        return [p for p in files if p.suffix.lower() in AUDIO_SUFFIXES]

    @staticmethod
    def _only(found: list[Path], name: str) -> Path | None:
        if len(found) > 1:
            msg = f"{name}: there are {len(found)} recordings of this name."
            raise CorpusError(msg)
        return found[0] if found else None


def _same(one: str, other: str) -> bool:
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)
