"""Writes the generated part of the README, the settings tables: `python -m scripts.readme`."""

from __future__ import annotations

import re
from pathlib import Path

from api.settings_table import settings_table

README = Path(__file__).parents[1] / "README.md"
MARKED = re.compile(r"(<!-- settings -->\n).*(<!-- /settings -->)", re.DOTALL)


def with_settings_table(text: str) -> str:
    """`text` with the tables of the settings as they are now between its two markers."""
    return MARKED.sub(lambda marked: f"{marked[1]}{settings_table()}{marked[2]}", text)


if __name__ == "__main__":
    README.write_text(with_settings_table(README.read_text()))
