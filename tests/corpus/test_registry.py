from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from phonoscope.corpus import registry
from phonoscope.corpus.registry import NAMES, formats, recognise
from phonoscope.corpus.tree import Tree
from phonoscope.errors import CorpusError
from phonoscope.settings import CorpusSettings

if TYPE_CHECKING:
    from pathlib import Path

    from phonoscope.corpus.source import Listing


class Suffixed:
    """Stands for a format that is recognised by its suffix."""

    def __init__(self, name: str) -> None:
        self.name, self.title = name, f"{name} files"

    def recognises(self, tree: Tree) -> bool:
        return bool(tree.with_suffix(f".{self.name}"))

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        raise NotImplementedError(tree, settings)


@pytest.fixture(autouse=True)
def all_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "formats", lambda: {name: Suffixed(name) for name in NAMES})


def found(root: Path, *names: str, **settings: str) -> tuple[str, list[str]]:
    for name in names:
        (root / name).touch()
    form, warnings = recognise(Tree(root), CorpusSettings(**settings))  # type: ignore[arg-type]
    return form.name, warnings


def test_every_format_that_is_there_says_what_it_is() -> None:
    there = formats()
    assert "textgrid" in there
    assert list(there) == [name for name in NAMES if name in there]
    assert all(form.name == name and form.title for name, form in there.items())


@pytest.mark.parametrize("name", NAMES)
def test_one_format(tmp_path: Path, name: str) -> None:
    assert found(tmp_path, f"x.{name.upper()}", "x.wav") == (name, [])


def test_a_format_that_is_named_is_taken(tmp_path: Path) -> None:
    assert found(tmp_path, "x.textgrid", "x.timit", format="ctm") == ("ctm", [])


@pytest.mark.parametrize(
    ("names", "first", "warning"),
    [
        (["lab", "textgrid"], "textgrid", "the .lab files are taken for word transcripts"),
        (["sppas", "textgrid"], "sppas", "the TextGrids are taken for what SPPAS read or exported"),
        (["table", "timit"], "timit", "the tables are taken for something else"),
        (["emu", "textgrid"], "emu", "the TextGrids are taken for what the database was made from"),
    ],
)
def test_of_two_one_goes_before(tmp_path: Path, names: list[str], first: str, warning: str) -> None:
    name, (told,) = found(tmp_path, *(f"x.{name}" for name in names))
    other = next(name for name in names if name != first)
    assert name == first
    assert told.startswith(f"{first} files are read; {warning}")
    assert told.endswith(f"(--corpus.format {other} reads those).")


def test_of_three_one_goes_before(tmp_path: Path) -> None:
    name, warnings = found(tmp_path, "x.lab", "x.textgrid", "x.sppas", "x.table")
    assert name == "sppas"
    assert len(warnings) == 3


def test_two_of_which_none_goes_before(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        found(tmp_path, "x.timit", "x.textgrid")
    assert str(caught.value) == (
        f"{tmp_path}: there are textgrid files and timit files in this folder; "
        "choose by --corpus.format textgrid or --corpus.format timit."
    )


def test_nothing_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        found(tmp_path, "a.wav", "b.WAV", "a.txt", "readme")
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: no alignment of phones was recognised beside the audio in this folder")
    assert "(its files: 2 .wav, 1 .txt, 1 without a suffix)" in message
    assert "What is read: textgrid files, timit files, ctm files," in message
    assert "WAV, FLAC, OGG, NIST SPHERE" in message
    assert message.endswith("by --corpus.format.")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError, match=r"there is no audio in this folder, and no alignment .*\(it holds no files\)"
    ):
        found(tmp_path)
