"""Settings: ranges, kinds, names, and the way to a file and back."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.errors import SettingError, UnknownSettingError
from phonoscope.rundir import _nested
from phonoscope.settings import PRESETS, Settings, read_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_every_setting_has_a_help_text_and_every_number_a_lowest_value() -> None:
    for outer in dataclasses.fields(Settings):
        stage = getattr(Settings(), outer.name)
        for inner in dataclasses.fields(stage) if dataclasses.is_dataclass(stage) else [outer]:
            assert inner.metadata["help"], inner.name
            if isinstance(inner.default, int | float) and not isinstance(inner.default, bool):
                assert inner.metadata["low"] is not None, inner.name


def test_presets_are_settings() -> None:
    assert PRESETS.keys() == {"demo", "paper"}
    for changes in PRESETS.values():
        Settings().changed(changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed = -1: it has to be from 0"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"corpus.validation": math.nan}, r"from 0\.01 to 0\.9"),
        ({"corpus.split": "random"}, "auto, utterance, speaker, folder"),
        ({"corpus.tier": 3}, "a text"),
        ({"probing.correct_only": "yes"}, "true or false"),
        ({"recogniser": 3}, "recogniser"),
        ({"corpus": {"tier": {"deeper": 1}}}, "a text"),
    ],
)
def test_what_a_setting_may_not_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Settings().changed(changes)


def test_a_special_value_is_told_with_its_meaning() -> None:
    settings = Settings().changed({"structure.draws": 0, "probe.offset": 0.01, "corpus.phones": "own"})
    told = {name: settings.worded(name) for name, _ in settings.flat()}
    assert told["clustering.k"] == "0: as many as phones in the panel"
    assert told["selection.k"] == "0: what the criterion chooses"
    assert told["structure.draws"] == "0: none"
    assert told["corpus.tier"] == "empty: found by its usual names"
    assert (told["corpus.audio"], told["probe.offset"], told["corpus.phones"]) == ("empty", "0.01", "own")
    assert (told["seed"], told["clustering.landmarks"]) == ("0", "1000")
    text = next(f.metadata["help"] for f in dataclasses.fields(settings.clustering) if f.name == "k")
    assert text == "number of clusters; 0: as many as phones in the panel"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownSettingError, match=r"did you mean 'reduction\.perplexity'\?"):
        Settings().changed({"reduction.perplexty": 3})
    with pytest.raises(UnknownSettingError, match="--help"):
        Settings().changed({"zzzz": 3})


def test_whole_floats_serve_as_numbers_of_either_kind() -> None:
    changed = Settings().changed({"seed": 3.0, "corpus.validation": 0.5, "signal.hop_ms": 5})
    assert (changed.seed, changed.signal.hop_ms) == (3, 5.0)
    assert isinstance(changed.seed, int)
    assert isinstance(changed.signal.hop_ms, float)


@given(
    seed=st.integers(0, 2**31 - 1),
    dropout=st.floats(0, 0.95),
    tier=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    correct_only=st.booleans(),
)
def test_settings_survive_a_file(
    tmp_path_factory: pytest.TempPathFactory, seed: int, dropout: float, tier: str, *, correct_only: bool
) -> None:
    settings = Settings().changed(
        {"seed": seed, "recogniser.dropout": dropout, "corpus.tier": tier, "probing.correct_only": correct_only}
    )
    path: Path = tmp_path_factory.mktemp("toml") / "settings.toml"
    path.write_text(tomli_w.dumps(_nested(settings)), encoding="utf-8", newline="")
    assert read_settings(path, Settings()) == settings
