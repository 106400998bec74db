"""Where the built-in corpus is kept for the user, and under which name."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonoscope.settings import SynthSettings

FORMAT = 1  # to be raised with every change of the code that changes what the files hold
_DISTRIBUTIONS = ("espeakng-loader", "numpy", "soundfile", "soxr")  # they determine the files
_DATA = ("espeak-phones.csv", "espeak-variants.txt", "french-sentences.txt")


def cache_folder() -> Path:
    """Return PHONOSCOPE_CACHE, or else ``phonoscope`` in the place that the platform has for caches."""
    own = os.environ.get("PHONOSCOPE_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "phonoscope"
    # a relative XDG_CACHE_HOME is to be ignored, says the XDG base directory specification
    configured = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".cache") / "phonoscope"


def fingerprint(settings: SynthSettings) -> str:
    """Return a short hash of all that determines the files: settings, data, versions, `FORMAT`."""
    data = files("phonoscope.corpus") / "data"
    content = {
        "format": FORMAT,
        "settings": asdict(settings),
        "versions": {name: version(name) for name in _DISTRIBUTIONS},
        "data": {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in _DATA},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
