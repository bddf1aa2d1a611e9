"""What is personal or secret in the soak's requests: planted once, or given out anew with each request."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.client.shopper import signed
from scripts.soak.markers import Markers

WORD = re.compile(rb"[A-Za-z0-9_.-]{24,}")  # what may be a signature, a token or an upload's key


def _made() -> Markers:
    markers = Markers()
    for what in ("app secret", "webhook secret", "name", "cookie", "idempotency key", "metrics token"):
        markers.plant(what, f"planted{secrets.token_hex(16)}")
    return markers


@dataclass
class Marks:
    """The secrets of one soak. `given`: signatures, tokens and upload keys, each of which is another one's."""

    planted: Markers = field(default_factory=_made)
    given: set[bytes] = field(default_factory=set)

    def signed(self, shop: str, person: int) -> str:
        """A query as the app proxy forwards it, personal throughout. Every second person is logged in."""
        query = {
            "email": self.planted["e-mail"],
            "name": self.planted["name"],
            "shop": shop,
            "logged_in_customer_id": f"{self.planted['customer id']}{person}" if person % 2 else "",
            "path_prefix": "/apps/fitting-room",
            "timestamp": str(int(time.time())),
        }
        if not person % 2:
            query["client_id"] = f"{self.planted['client id'][:-2]}{person:02d}"
        asked = signed(query.items(), self.planted["app secret"])
        self.give(asked.rpartition("=")[2])
        return asked

    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {
            "User-Agent": self.planted["user agent"],
            "Referer": f"https://shop.example/account?token={self.planted['cookie']}",
            "Cookie": f"session={self.planted['cookie']}",
            "X-Forwarded-For": self.planted["address"],
        }

    def give(self, *secrets: str) -> None:
        """Look for these as well."""
        self.given.update(secret.encode() for secret in secrets)

    def leaks_in(self, files: Sequence[Path], *, are_for_people: bool) -> list[str]:
        """`what in file:line`, or `what in file`; Redis may know what was given out, people who read logs may not."""
        found = self.planted.leaks_in(*files)
        for file in files if are_for_people else ():
            words = set(WORD.findall(file.read_bytes()))
            found += [f"a signature, token or upload key in {file.name}"] * len(words & self.given)
        return found
