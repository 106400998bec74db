"""Dataclass fields that say what they mean and what they may be, and are held to it."""

from __future__ import annotations

from dataclasses import field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from phonoscope.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping


def setting(
    default: Any,  # noqa: ANN401
    text: str,
    *,
    low: float | None = None,
    high: float | None = None,
    means: Mapping[Any, str] | None = None,
) -> Any:  # noqa: ANN401
    """Declare a setting: its default, what it means, and the range of a number (both ends belong to it).

    `means` tells what special values stand for, such as 0 for "as many as are needed"; it is a part of the help.
    """
    special = means or {}
    text = "; ".join([text, *(f"{_shown(value)}: {meaning}" for value, meaning in special.items())])
    return field(default=default, metadata={"help": text, "low": low, "high": high, "means": special})


def _shown(value: Any) -> str:  # noqa: ANN401
    return "empty" if value == "" else str(value)


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

    def worded(self, name: str) -> str:
        """Return the value of "name" or "group.name" as a sentence tells it: a special one with its meaning."""
        group, _, inner = name.rpartition(".")
        if group:
            found: Checked = getattr(self, group)
            return found.worded(inner)
        value = getattr(self, name)
        means = next(f.metadata["means"] for f in fields(self) if f.name == name)  # type: ignore[arg-type]
        return f"{_shown(value)}: {means[value]}" if value in means else _shown(value)


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
