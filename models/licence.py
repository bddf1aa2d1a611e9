"""What the licences of a checkpoint's parts allow."""

from __future__ import annotations

from dataclasses import dataclass

LICENCE_PARTS = ("code", "weights", "base", "helpers")


@dataclass(frozen=True, slots=True)
class Licence:
    """Licences of each part (SPDX names where there are any), and whether a shop may earn money with them.

    `restricted` names the parts that forbid it: any of code, weights, base, helpers.
    """

    code: str
    weights: str
    commercial: str  # "yes", "no" or "grey"
    reason: str
    base: str = ""  # of the model that the weights were made from
    helpers: str = ""  # of the networks that prepare its pictures
    restricted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.commercial not in ("yes", "no", "grey"):
            raise ValueError(f"licence.commercial must be yes, no or grey, not {self.commercial!r}")
        if unknown := set(self.restricted) - set(LICENCE_PARTS):
            raise ValueError(f"licence.restricted knows {', '.join(LICENCE_PARTS)}, not {', '.join(sorted(unknown))}")
        if (self.commercial == "no") != bool(self.restricted):
            raise ValueError("licence.restricted names the parts that forbid commercial use, and only when it is no")

    @property
    def restrictions(self) -> dict[str, str]:
        """Restricted part -> its licence."""
        return {part: getattr(self, part) for part in self.restricted}
