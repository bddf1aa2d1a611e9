"""Values that stand for a person or a secret: planted in a run, then looked for in all that it wrote."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


def _made() -> dict[str, str]:
    token = secrets.token_hex(6)
    return {
        "customer id": f"77{secrets.randbelow(10**14):014d}",
        "client id": str(uuid.uuid4()),
        "e-mail": f"planted.{token}@shopper.example",
        "address": f"203.0.113.{100 + secrets.randbelow(100)}",  # of a network that is for documentation
        "API key": f"gk_planted_{token}",
        "user agent": f"PlantedBrowser/{token}",
    }


@dataclass
class Markers:
    """What each is -> its value. Each run has values of its own; what the service makes up is planted as it comes."""

    planted: dict[str, str] = field(default_factory=_made)

    def __getitem__(self, what: str) -> str:
        return self.planted[what]

    def plant(self, what: str, value: str) -> str:
        """Look for `value` too, say a photograph's id or a signed query; returned as it is."""
        assert len(value) >= 8, "so short a value would be found by chance"
        self.planted[what] = value
        return value

    def leaks_in(self, *places: Path) -> list[str]:
        """`what in file:line` for each marker in these files, and in all files below these folders."""
        return [leak for path in _files(places) for leak in self.leaks_of(path.read_bytes(), path.name)]

    def leaks_of(self, content: bytes, name: str) -> list[str]:
        """The same, of the content of one."""
        forms = {what: _forms(value) for what, value in self.planted.items()}
        return [
            f"{what} in {name}:{number}"
            for number, line in enumerate(content.splitlines(), 1)
            for what, texts in forms.items()
            if any(text in line for text in texts)
        ]


def _forms(value: str) -> set[bytes]:
    """As it is, and as an address or a JSON text would quote it."""
    return {form.encode() for form in (value, quote(value, safe=""), quote(value), value.replace("/", "\\/"))}


def _files(places: Iterable[Path]) -> list[Path]:
    found = (path for place in places for path in ([place] if place.is_file() else place.rglob("*")))
    return sorted(path for path in found if path.is_file() and not path.is_symlink())
