"""What MkDocs does not do by itself when it builds the site: formulas, and the table of all settings."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from latex2mathml.converter import convert

from phonoscope.settings import Settings

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

MARK = "<!-- every setting -->"


def formulas(source: str, language: str, css_class: str, options: Any, md: Any, **_: Any) -> str:  # noqa: ANN401, ARG001
    """Turn a block of LaTeX, a formula a line, into MathML, which browsers draw without any script."""
    lines = [line for line in source.splitlines() if line.strip()]
    drawn = "".join(convert(line, display="block") for line in lines)
    return f'<div class="formula" role="group">{drawn}</div>'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Say what a block ``math`` becomes; here, because YAML can not name a function of this file."""
    fence = {"name": "math", "class": "formula", "format": formulas}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:  # noqa: ANN401 - MkDocs passes what it likes
    """Put the tables of all settings where a page asks for them."""
    return markdown.replace(MARK, "\n".join(_tables())) if MARK in markdown else markdown


def _tables() -> list[str]:
    """Write a table a stage: name, default, what it may be and is."""
    hints = get_type_hints(Settings)
    groups = [outer for outer in fields(Settings) if is_dataclass(hints[outer.name])]
    single = [outer for outer in fields(Settings) if not is_dataclass(hints[outer.name])]
    lines = ["## Of all stages", "", *_table("", single, hints)]
    for outer in groups:
        about = str(hints[outer.name].__doc__).splitlines()[0]
        inner = hints[outer.name]
        lines += [
            "",
            f"## {outer.name}",
            "",
            about,
            "",
            *_table(f"{outer.name}.", fields(inner), get_type_hints(inner)),
        ]
    return lines


def _table(prefix: str, settings: Any, hints: dict[str, Any]) -> list[str]:  # noqa: ANN401 - fields of any dataclass
    rows = ["| setting | default | may be | what it is |", "| --- | --- | --- | --- |"]
    for one in settings:
        default = str(one.default).lower() if isinstance(one.default, bool) else one.default
        shown = f"`{default}`" if default != "" else ""
        text = escape(one.metadata["help"], quote=False).replace("|", "\\|").replace("*", "\\*")
        rows.append(f"| `--{prefix}{one.name}` | {shown} | {_range(one, hints[one.name])} | {text} |")
    return rows


def _range(one: Any, kind: Any) -> str:  # noqa: ANN401 - a field of any dataclass, and its type
    """Say which values a setting may have."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    low, high = one.metadata["low"], one.metadata["high"]
    if low is None:
        return "text" if kind is str else "a number"
    return f"from {low:,}" + (f" to {high:,}" if high is not None else "")
