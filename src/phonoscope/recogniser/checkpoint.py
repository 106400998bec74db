"""The state of a training after an epoch, in one file that can be gone on from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load, save

from phonoscope.errors import CheckpointError
from phonoscope.files import write_frame, written_whole
from phonoscope.recogniser.learning_curve import Epoch, training_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from phonoscope.settings import Settings
    from phonoscope.signal.frames import FrameTable

FILE = "checkpoint.safetensors"
# what says when to stop, or what is said of an epoch, but not what comes of it
_FREE = ("recogniser.max_epochs", "recogniser.min_decrease", "recogniser.patience")
_SAMPLE = 4096  # rows of features that stand for all


def identity(frames: FrameTable, rows: NDArray[np.int64], n_phones: int, settings: Settings) -> str:
    """Name what a training is of: its settings and its speech, as a digest.

    Of the features, the means and some thousand rows stand for all; how many epochs there are to be does not count.
    """
    chosen = {
        name: value
        for name, value in settings.flat()
        if (name == "seed" or name.startswith(("recogniser.", "signal."))) and name not in _FREE
    }
    digest = hashlib.sha256(json.dumps([n_phones, len(rows), chosen], sort_keys=True).encode())
    some = frames.static[:: max(1, len(frames.static) // _SAMPLE)]
    for array in (rows, frames.labels[rows], frames.means, some):
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()


def keep_checkpoint(folder: Path, state: dict[str, Tensor], history: list[Epoch], identity_of: str) -> None:
    """Write the state after an epoch, and the learning curve so far, each whole or not at all.

    Parameters
    ----------
    folder
        Where; the files are `FILE` and ``training.csv``.
    state
        Everything that the next epoch starts from, by name.
    history
        The epochs so far.
    identity_of
        What `identity` calls the training.
    """
    metadata = {"training": identity_of, "epochs": json.dumps([asdict(epoch) for epoch in history])}
    metadata["sha256"] = _digest(state, metadata)
    with written_whole([folder / FILE]) as (temporary,):
        temporary.write_bytes(save(state, metadata=metadata))
    write_frame(training_table(history), folder / "training.csv")


def find_checkpoint(folder: Path, identity_of: str) -> bytes:
    """Return the content of the checkpoint in a folder; nothing if there is none.

    Raises
    ------
    CheckpointError
        It can not be read, is damaged, or is another training's.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
        _, _, whose = _opened(content)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CheckpointError(path, f"can not be read ({error.strerror})") from None
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(path, f"is damaged ({' '.join(str(error).split())})") from None
    if whose != identity_of:
        raise CheckpointError(path, "is of a training on other speech or with other settings")
    return content


def open_checkpoint(content: bytes) -> tuple[dict[str, Tensor], list[Epoch]]:
    """Return the state and the epochs that `find_checkpoint` found."""
    state, history, _ = _opened(content)
    return state, history


def forget_checkpoint(folder: Path) -> None:
    """Remove the checkpoint: the training is over."""
    (folder / FILE).unlink(missing_ok=True)


def _opened(content: bytes) -> tuple[dict[str, Tensor], list[Epoch], str]:
    state = load(content)
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    promised = metadata.pop("sha256")
    if _digest(state, metadata) != promised:
        msg = "its content is not what was written"
        raise ValueError(msg)
    return state, [Epoch(**epoch) for epoch in json.loads(metadata["epochs"])], metadata["training"]


def _digest(state: dict[str, Tensor], metadata: dict[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(state.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
