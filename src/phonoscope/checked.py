"""Dataclass fields that say what they mean and what they may be, and are held to it."""

from __future__ import annotations

from dataclasses import field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from phonoscope.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


def setting(default: Any, text: str, *, low: float | None = None, high: float | None = None) -> Any:  # noqa: ANN401
    """Declare a setting: its default, what it means, and the range of a number (both ends belong to it)."""
    return field(default=default, metadata={"help": text, "low": low, "high": high})


class Checked:
    """Checks the type, the choice and the range of every field when the object is made."""

    def __post_init__(self) -> None:
        """Raise `SettingError` for the first field that is not what it may be."""
        hints = get_type_hints(type(self))
        stage = type(self).__name__.removesuffix("Settings").lower()
        for f in fields(self):  # type: ignore[arg-type]
            value = getattr(self, f.name)
            if is_dataclass(value):
                continue
            name = f"{stage}.{f.name}" if stage else f.name
            value = _checked(name, value, hints[f.name], f.metadata)
            object.__setattr__(self, f.name, value)


def _checked(name: str, value: Any, kind: Any, metadata: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            msg = f"{name} = {value!r}: it has to be one of {', '.join(map(str, choices))}"
            raise SettingError(msg)
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[kind]
        msg = f"{name} = {value!r}: it has to be {wanted}"
        raise SettingError(msg)
    low, high = metadata.get("low"), metadata.get("high")
    # written so that NaN is out of every range
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        span = f"at least {low}" if high is None else f"from {low} to {high}"
        msg = f"{name} = {value!r}: it has to be {span}"
        raise SettingError(msg)
    return value
