"""The page: one file that asks nobody for anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def html(comparison: dict[str, Any]) -> str:
    """The page of a comparison, with its style, its script and its pictures in it."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    style, script = ((FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    data = json.dumps(comparison, sort_keys=True).replace("<", "\\u003c")  # or a name could end the element
    template = environment.from_string((FOLDER / "page.html").read_text(encoding="utf-8"))
    return template.render(comparison=comparison, style=style, script=script, data=data)
