"""What a long stage has found so far: small files, for an interrupted run to go on with."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from phonoscope.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Kept:
    """Results by name, each in a file of its own.

    Parameters
    ----------
    folder
        Made when the first result is kept.
    of
        What the results depend on: those of anything else are not found. A damaged file is not found either, as each
        holds a checksum.
    """

    def __init__(self, folder: Path, of: str) -> None:
        self._folder, self._of = folder, of

    def find(self, name: str) -> tuple[dict[str, Any], NDArray[np.unsignedinteger]] | None:
        """Return what was kept under a name, its labels in as few bytes as hold them, or None."""
        try:
            with np.load(self._folder / f"{name}.npz", allow_pickle=False) as found:
                about = json.loads(str(found["about"]))
                labels = found["labels"]
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return (about["about"], labels) if about["of"] == self._of else None

    def keep(
        self, name: str, about: dict[str, Any], labels: NDArray[np.integer]
    ) -> tuple[dict[str, Any], NDArray[np.unsignedinteger]]:
        """Keep labels (whole numbers from 0 on) and figures; return them as they will be found."""
        self._folder.mkdir(exist_ok=True)
        text = json.dumps({"of": self._of, "about": about}, default=_plain)
        small = labels.astype(np.min_scalar_type(int(labels.max(initial=0))))
        with written_whole([self._folder / f"{name}.npz"]) as (temporary,):
            np.savez(temporary, about=np.array(text), labels=small)
        return json.loads(text)["about"], small


def forget_kept(folder: Path) -> None:
    """Remove all that was kept in a folder, and the folder if nothing else is in it."""
    for path in folder.glob("*.npz"):
        path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _plain(value: np.generic) -> Any:  # noqa: ANN401 - whatever number it is
    return value.item()
