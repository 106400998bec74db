"""The files of a small corpus, looked up one by one: what `corpus.source.Tree` promises, in the plainest way."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from phonoscope.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

AUDIO = (".wav", ".sph", ".flac", ".ogg")


@dataclass
class SmallTree:
    root: Path
    audio: Path | None = None
    files: tuple[Path, ...] = field(init=False)

    def __post_init__(self) -> None:
        below = [self.root] if self.root.is_file() else self.root.rglob("*")
        self.files = tuple(sorted(path for path in below if path.is_file()))

    def with_suffix(self, *suffixes: str) -> tuple[Path, ...]:
        return tuple(path for path in self.files if path.suffix.lower() in suffixes)

    def id(self, path: Path) -> str:
        base = self.root.parent if self.root.is_file() else self.root
        return unicodedata.normalize("NFC", path.relative_to(base).with_suffix("").as_posix())

    def audio_of(self, path: Path) -> Path | None:
        beside = [p for p in self._recordings() if p.parent == path.parent and p.stem == path.stem]
        if len(beside) > 1:
            msg = f"{path}: there are several recordings of this name; keep one of them."
            raise CorpusError(msg)
        return beside[0] if beside else self._only(path.stem)

    def audio_named(self, name: str, beside: Path) -> Path | None:
        for folder in (beside.parent, self.root, self.audio or self.root):
            for suffix in ("", *AUDIO):
                if os.path.isfile(folder / (name + suffix)):  # noqa: PTH113 (takes names that no file can have)
                    return folder / (name + suffix)
        stem = name.rpartition("/")[2]
        return self._only(stem) or self._only(stem.rpartition(".")[0])

    def _only(self, stem: str) -> Path | None:
        found: list[Path] = [path for path in self._recordings() if path.stem == stem]
        return found[0] if len(found) == 1 else None

    def _recordings(self) -> list[Path]:
        others = sorted(self.audio.rglob("*")) if self.audio else []
        return [path for path in (*self.files, *others) if path.suffix.lower() in AUDIO]
