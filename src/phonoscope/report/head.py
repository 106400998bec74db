"""What every page has in its head: colours, style, and the script with its fingerprint."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from phonoscope.report.theme import DARK, FIGURE_CSS, LIGHT, css_variables


def head(*, script: bool) -> dict[str, Any]:
    """Return what `head.html` needs besides the title; without a script the page runs none.

    The content security policy names the script by its fingerprint, so that nothing else on the page can run.
    """
    page = files("phonoscope.report") / "page"
    code = (page / "report.js").read_text(encoding="utf-8") if script else ""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() if script else ""
    return {
        "light": Markup(css_variables(LIGHT)),  # noqa: S704 - our own text, as the next ones
        "dark": Markup(css_variables(DARK)),  # noqa: S704
        "figure_css": Markup(FIGURE_CSS),  # noqa: S704
        "css": Markup((page / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        "script": Markup(code),  # noqa: S704
        "script_hash": digest,
    }
