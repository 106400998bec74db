"""Parting a corpus into training and validation speech.

No draw depends on the order of the utterances or on the file system: each is ranked by a hash of the seed and
its name, so that the same seed gives the same parts everywhere, and a new recording hardly moves the others.

A recording is never on both sides, under whatever names it goes: what is drawn is drawn by whole recordings, and
what is given is refused.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from phonoscope.corpus.drawing import held_out_speakers, held_out_utterances, last_stretch
from phonoscope.corpus.recordings import same_recordings
from phonoscope.corpus.split_lists import listed_parts
from phonoscope.corpus.wording import listed
from phonoscope.errors import LeakageError, SplitError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from phonoscope.corpus.source import Part
    from phonoscope.corpus.types import Utterance
    from phonoscope.settings import CorpusSettings

TRAIN_FOLDER = "train"
VALIDATION_FOLDERS = ("validation", "valid", "val", "dev", "test")
_PARTS = ("train", "validation")


def split(
    utterances: Sequence[Utterance],
    settings: CorpusSettings,
    seed: int,
    own: Mapping[str, Part] | None = None,
    warn: Callable[[str], object] = lambda _text: None,
) -> tuple[Utterance, ...]:
    """Return the utterances, in their order, each with its part: training or validation.

    ``utterance`` holds out ``settings.validation`` of the speech (the segments' seconds), as nearly as whole
    recordings allow, of every speaker alike; utterances without segments stay in training. A corpus of one recording
    is parted only if this is asked for: what comes last in it is held out. ``speaker`` holds out whole speakers, and
    with them those that share a recording with them. ``folder`` holds out what lies in a top folder of a validation's
    name (all of them, should there be several); the rest is for training. A folder's case does not count. ``corpus``
    parts as the corpus itself says, ``lists`` as ``corpus.train_list`` and ``corpus.validation_list`` say; utterances
    that these leave open are left out. ``auto`` is ``lists`` if there is a list, else ``corpus`` if the corpus names
    both parts, else ``folder`` if there is a top folder ``train`` beside one of those names, and otherwise
    ``utterance``.

    Parameters
    ----------
    own
        The part that the corpus names for each utterance's id, "" for none.
    warn
        Called with what is to be warned of.

    Raises
    ------
    SplitError
        There are fewer than two recordings (speakers) with speech, the folders, lists or the corpus's own parts are not
        there, or one is empty.
    LeakageError
        A recording would be on both sides.
    """
    mode = _mode(utterances, settings, own or {})
    given = _given(utterances, settings, own or {}, mode)
    recording = same_recordings(sorted({u.audio for u in utterances}))
    named = {u.audio: u.id for u in reversed(utterances)}
    twice = [f"{key} (the same as {named[recording[of]]})" for of, key in named.items() if recording[of] != of]
    if given is not None:
        chosen, utterances = _as_given(utterances, given, warn)
    elif mode == "speaker":
        chosen = held_out_speakers(utterances, recording, settings.validation, seed)
    elif _one_recording(utterances, recording):
        chosen, utterances = _as_given(utterances, _of_one_recording(utterances, settings, warn), warn)
    else:
        chosen = held_out_utterances(utterances, recording, settings.validation, seed)
    for text in listed("recording", "there under another name too, and kept on the same side", sorted(twice)):
        warn(text)
    parted = tuple(replace(u, split="validation" if u.id in chosen else "train") for u in utterances)
    for part in _PARTS:
        if not any(u.segments for u in parted if u.split == part):
            msg = f"corpus.split = {mode}: the {part} part would hold no speech; choose another."
            raise SplitError(msg)
    if given is not None:
        _refuse_leakage(parted, recording, mode)
    return parted


def _mode(utterances: Sequence[Utterance], settings: CorpusSettings, own: Mapping[str, Part]) -> str:
    has_lists = bool(settings.train_list or settings.validation_list)
    if settings.split not in {"auto", "lists"} and has_lists:
        msg = f"corpus.split = {settings.split}, but a list is given too; leave one away, or choose lists."
        raise SplitError(msg)
    if settings.split != "auto":
        return settings.split
    if has_lists:
        return "lists"
    if {own.get(u.id) for u in utterances if u.segments} >= set(_PARTS):
        return "corpus"
    return "folder" if _has_folders(set(_tops(utterances).values())) else "utterance"


def _given(
    utterances: Sequence[Utterance], settings: CorpusSettings, own: Mapping[str, Part], mode: str
) -> Mapping[str, Part] | None:
    """Return the part of each utterance's id where parts are given, not drawn."""
    if mode == "lists":
        return listed_parts({u.id for u in utterances}, settings)
    if mode == "corpus":
        if not any(own.values()):
            msg = "corpus.split = corpus: this corpus does not name its parts; choose --corpus.split utterance."
            raise SplitError(msg)
        return own
    if mode == "folder":
        tops = _tops(utterances)
        if not _has_folders(set(tops.values())):
            there = ", ".join(sorted(set(tops.values()) - {""})) or "none"
            msg = (
                f"corpus.split = folder: there have to be a top folder {TRAIN_FOLDER!r} and one named "
                f"{', '.join(VALIDATION_FOLDERS[:-1])} or {VALIDATION_FOLDERS[-1]}; the folders with "
                f"utterances: {there}. Rename the folders, or choose --corpus.split utterance."
            )
            raise SplitError(msg)
        return {key: "validation" if top in VALIDATION_FOLDERS else "train" for key, top in tops.items()}
    return None


def _tops(utterances: Sequence[Utterance]) -> dict[str, str]:
    return {u.id: u.id.split("/")[0].casefold() if "/" in u.id else "" for u in utterances}


def _has_folders(tops: set[str]) -> bool:
    return TRAIN_FOLDER in tops and not tops.isdisjoint(VALIDATION_FOLDERS)


def _as_given(
    utterances: Sequence[Utterance], parts: Mapping[str, Part], warn: Callable[[str], object]
) -> tuple[set[str], list[Utterance]]:
    """Return the ids that are held out, and the utterances without those of neither part."""
    found = [u for u in utterances if parts.get(u.id)]
    n = len(utterances) - len(found)
    if n:
        are = "utterance belongs" if n == 1 else "utterances belong"
        warn(f"{n:,} {are} to neither part, and {'was' if n == 1 else 'were'} left out.")
    return {key for key, part in parts.items() if part == "validation"}, found


def _one_recording(utterances: Sequence[Utterance], recording: Mapping[Path, Path]) -> bool:
    spoken = [recording[u.audio] for u in utterances if u.segments]
    return len(spoken) > 1 and len(set(spoken)) == 1


def _of_one_recording(
    utterances: Sequence[Utterance], settings: CorpusSettings, warn: Callable[[str], object]
) -> Mapping[str, Part]:
    if settings.split != "utterance":
        msg = (
            f"all speech is in one recording, {utterances[0].audio.name}: whatever is held out of it has the same "
            "voice, room and day as the rest. Add another recording, or accept that by --corpus.split utterance, which "
            "holds out its last part."
        )
        raise SplitError(msg)
    parts = last_stretch(utterances, settings.validation)
    warn("training and validation speech are of one recording: its last part was held out, and scores flatter.")
    return parts


def _refuse_leakage(utterances: Sequence[Utterance], recording: Mapping[Path, Path], mode: str) -> None:
    sides: dict[Path, dict[str, Utterance]] = defaultdict(dict)
    for u in utterances:
        sides[recording[u.audio]].setdefault(u.split, u)
    leaks = [of for of in sides.values() if len(of) > 1]
    if not leaks:
        return
    train, validation = leaks[0]["train"], leaks[0]["validation"]
    same = "is" if train.audio == validation.audio else f"holds the same recording as {validation.audio}, which is"
    more = f"; so are {len(leaks) - 1:,} more recordings" if len(leaks) > 1 else ""
    msg = (
        f"{train.audio} {same} on both sides, as {train.id!r} for training and as {validation.id!r} for validation"
        f"{more}. Correct what parts the corpus (corpus.split = {mode}), or choose --corpus.split utterance, which "
        "keeps recordings whole."
    )
    raise LeakageError(msg)
