"""Reads docstrings whose section of returned values is prose, without the type: that is in the signature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import griffe

if TYPE_CHECKING:
    from griffe import Function

_SECTION = re.compile(r"^(Returns|Yields)\n-+\n(.*?)(?=\n\n[A-Z][A-Za-z ]+\n-+\n|\Z)", re.DOTALL | re.MULTILINE)


class ProseReturns(griffe.Extension):
    """Puts the signature's type above a section ``Returns`` or ``Yields`` that has none, as numpydoc wants it."""

    def on_function_instance(self, *, func: Function, **_: Any) -> None:  # noqa: ANN401 - griffe passes what it likes
        """Change the docstring of one function."""
        if func.docstring is None or func.returns is None:
            return
        returned = str(func.returns)

        def typed(section: re.Match[str]) -> str:
            name, body = section.groups()
            lines = body.splitlines()
            if any(line.startswith(" ") for line in lines):
                return section[0]
            indented = "\n".join(f"    {line}" if line else line for line in lines)
            return f"{name}\n{'-' * len(name)}\n{returned}\n{indented}"

        func.docstring.value = _SECTION.sub(typed, func.docstring.value)
