"""The built-in corpus, read like any other from the folder in which it is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from phonoscope.corpus.reading import read_corpus
from phonoscope.progress import Quiet
from phonoscope.settings import CorpusSettings, Settings

if TYPE_CHECKING:
    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Progress


def built_in_corpus(settings: Settings | None = None, *, jobs: int = 1, progress: Progress | None = None) -> Corpus:
    """Return synthetic French with exact phone times, built on the first call and kept in the user's cache folder.

    Its training and validation parts share neither a voice nor a sentence, so ``corpus.split`` and the other settings
    of reading do not apply. `phonoscope.corpus.synth` says how it is made.

    Raises
    ------
    PhonoscopeError
        The cache folder can not be written, or espeak-ng does not work here.
    """
    settings = settings or Settings()
    progress = progress or Quiet()
    from phonoscope.corpus.synth import built_in_corpus_folder  # noqa: PLC0415 - brings SciPy along

    folder = built_in_corpus_folder(settings.synth, jobs=jobs, progress=progress)
    as_written = replace(settings, corpus=CorpusSettings(split="folder"))
    return replace(read_corpus(folder, as_written, jobs=jobs, progress=progress), name="built-in")
