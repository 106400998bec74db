"""A recogniser of phonoscope's own, read from the folder of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from phonoscope.errors import ModelError
from phonoscope.models.computing import digest
from phonoscope.models.layers import choose, split_patterns
from phonoscope.recogniser.building import build_recogniser
from phonoscope.rundir import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from phonoscope.recogniser.network import Recogniser
    from phonoscope.settings import Settings

_OTHER = "its weights have other names or shapes"


@dataclass(frozen=True)
class OwnModel:
    """A recogniser, the phones that it knows, and the settings and the corpus that it was trained with."""

    folder: Path
    network: Recogniser
    phones: tuple[str, ...]
    trained_with: Settings
    trained_on: str

    @property
    def about(self) -> Mapping[str, str | int]:
        """What tells it from others; see `phonoscope.models.source.Source`."""
        return {
            "model": str(self.folder.resolve()),
            "weights": digest(self.network.state_dict()),
            "model_class": "recogniser of phonoscope's own",
            "model_parameters": sum(p.numel() for p in self.network.parameters()),
        }

    def layers(self, asked: str) -> list[str]:
        """Return the layers asked for.

        Raises
        ------
        ModelError
            There is no such layer.
        """
        patterns = split_patterns(asked)
        names = self.network.layer_names
        return choose(names, patterns, str(self.folder))[0] if patterns else list(names)


def load_own(folder: Path) -> OwnModel:
    """Load the recogniser of a run.

    Raises
    ------
    ModelError
        The file is broken, or not of the size that `config.toml` says.
    RunDirectoryError
        There is no `config.toml` beside it, or it is broken.
    """
    path = folder / "model.safetensors"
    settings, about = read_config(folder)
    try:
        with safe_open(path, framework="numpy") as file:
            phones = tuple((file.metadata() or {}).get("phones", "").split())
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        with torch.device("meta"):  # takes no memory, whatever sizes config.toml asks for
            asked = build_recogniser(len(phones), settings).state_dict()
        if shapes != {name: tuple(tensor.shape) for name, tensor in asked.items()}:
            raise RuntimeError(_OTHER)  # noqa: TRY301 - told as any other reason
        network = build_recogniser(len(phones), settings)
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        msg = f"{path}: this is not the recogniser that config.toml beside it tells of ({first})"
        raise ModelError(msg) from None
    return OwnModel(folder, network.eval(), phones, settings, str(about.get("corpus", "")))
