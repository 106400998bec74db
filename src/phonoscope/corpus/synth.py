"""The built-in corpus: sentences of our own, spoken by espeak-ng in dozens of voices."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.corpus.cache import cache_folder, fingerprint
from phonoscope.corpus.planning import plan
from phonoscope.corpus.workers import answers
from phonoscope.errors import OutputFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phonoscope.progress import Progress
    from phonoscope.settings import SynthSettings

_TAKES_A_SHARD = 100  # fixed: what espeak says depends on what it said before in the same process
_README = """\
Synthetic French speech with exact phone times, made by phonoscope.

train/VOICE/UTTERANCE.flac            16 kHz, mono, 16 bits
train/VOICE/UTTERANCE.TextGrid        tiers "transcript" and "phones"; SAMPA, an empty label is a pause
validation/VOICE/UTTERANCE...         the same: no voice and no sentence of it is in train

Spoken by espeak-ng in voices of many pitches, rates and vocal-tract lengths; noise and rooms were added.
No person speaks here. The settings:

"""


def write_synthetic(directory: Path, settings: SynthSettings, *, jobs: int, progress: Progress) -> None:
    """Write the built-in corpus into a folder that is new or empty.

    The files depend on the settings and on the versions of espeak-ng, NumPy, soxr and libsndfile, to the
    byte; not on `jobs`. They appear under their names when all are written; should the work be interrupted,
    none is left.

    Parameters
    ----------
    directory
        Gets ``train/VOICE/UTTERANCE.flac`` and ``.TextGrid``, ``validation/VOICE/...`` and ``README.txt``.
    settings
        What is spoken.
    jobs
        Processes that work at the same time.
    progress
        Where to tell how far it is.

    Raises
    ------
    OutputFolderError
        The folder holds something or can not be written.
    EspeakError
        espeak-ng does not work here.
    """
    with _building(directory, "can not be written ({})") as building:
        if any(entry != building for entry in directory.iterdir()):
            raise OutputFolderError(directory, "the folder is not empty")
        build(building, settings, jobs=jobs, progress=progress)
        for entry in sorted(building.iterdir()):
            entry.rename(directory / entry.name)


def built_in_corpus_folder(settings: SynthSettings, *, jobs: int, progress: Progress) -> Path:
    """Return the folder of the built-in corpus, which is built when its settings are asked for first.

    It stands in the user's cache (see `cache_folder`), laid out as `phonoscope.corpus.synth.write_synthetic`
    does it, under a name that tells settings, data and versions apart. It appears there whole or not at all;
    when two processes build the same corpus, one of the two copies is kept.

    Raises
    ------
    OutputFolderError
        The cache can not be written.
    EspeakError
        espeak-ng does not work here.
    """
    parent = cache_folder()
    folder = parent / f"synthetic-french-{fingerprint(settings)}"
    if folder.is_dir():
        return folder
    problem = "no cache can be written there ({}); PHONOSCOPE_CACHE says where it is"
    with _building(parent, problem) as building:
        build(building, settings, jobs=jobs, progress=progress)
        building.chmod(0o755)  # a temporary folder is for its owner alone
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():  # it is there if another process was faster
                raise
    return folder


@contextmanager
def _building(parent: Path, problem: str) -> Iterator[Path]:
    """Give a new folder in `parent`, made if need be; at the end it goes, with all that is still in it.

    An error of the file system becomes an `OutputFolderError` that names `parent` and the `problem`.
    """
    building = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        building = Path(mkdtemp(prefix=".building-", dir=parent))
        yield building
    except OSError as error:
        raise OutputFolderError(parent, problem.format(error.strerror or error)) from None
    finally:
        if building:
            shutil.rmtree(building, ignore_errors=True)


def build(folder: Path, settings: SynthSettings, *, jobs: int, progress: Progress) -> None:
    """Write the corpus into an existing folder, file by file; see `write_synthetic`."""
    takes = plan(settings, jobs=jobs)
    shards = [
        {
            "folder": str(folder.absolute()),
            "settings": asdict(settings),
            "espeak_seed": int(np.random.SeedSequence([settings.seed, 3, number]).generate_state(1)[0] >> 1),
            "takes": [asdict(take) for take in takes[start : start + _TAKES_A_SHARD]],
        }
        for number, start in enumerate(range(0, len(takes), _TAKES_A_SHARD))
    ]
    with progress.bar("speaking the built-in corpus", len(takes), "utterances") as advance:
        answers(shards, jobs=jobs, folder=folder.parent, heard=lambda _: advance(1))
    told = "".join(f"{name} = {value}\n" for name, value in asdict(settings).items())
    (folder / "README.txt").write_text(_README + told, encoding="utf-8", newline="\n")
