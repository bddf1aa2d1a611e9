"""What `fitting-room doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `fix` is empty when all is well, and one sentence that mends it when not.

    `look`: what somebody has to look at themselves, for it cannot be seen from here.
    """

    what: str
    found: str
    fix: str = ""
    look: str = ""
