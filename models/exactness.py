"""How true a picture is to the published computation, and what makes it cheaper. A leaf: standard library only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

MOST_STEPS = 999


class Exactness(StrEnum):
    """What an optimisation does to the numbers."""

    EXACT = "exact"  # the same function: no more than the order of sums
    NEAR = "near"  # the same function in other kernels or at another precision
    APPROXIMATE = "approximate"  # another function


@dataclass(frozen=True, slots=True)
class Optimisation:
    """Something that made a picture cheaper. `error`: what it was measured to change, relative to without; None: not
    measured, or nothing."""

    name: str
    exactness: Exactness
    error: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """As JSON types, without `error` when there is none."""
        told = {"name": self.name, "exactness": self.exactness.value}
        return told if self.error is None else {**told, "error": self.error}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        return cls(told["name"], Exactness(told["exactness"]), told.get("error"))


def exactly(*names: str) -> tuple[Optimisation, ...]:
    """Optimisations that change nothing."""
    return tuple(Optimisation(name, Exactness.EXACT) for name in names)


@dataclass(frozen=True, slots=True)
class Approximations:
    """By which other function a picture may be made. What is None is left to the model card, and is off there.

    `num_inference_steps`: at most the card's. `guidance_interval`: only steps whose middle lies between these shares of
    the schedule, 0 to 1, are guided. `garment_reuse_steps`: for so many steps, the garment's keys and values are those
    of the first of them.

    Raises:
        ValueError: one is out of bounds; the message begins with its name.
    """

    num_inference_steps: int | None = None
    guidance_interval: tuple[float, float] | None = None
    garment_reuse_steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("num_inference_steps", "garment_reuse_steps"):
            steps = getattr(self, name)
            if steps is not None and not (type(steps) is int and 1 <= steps <= MOST_STEPS):
                raise ValueError(f"{name} must be a whole number from 1 to {MOST_STEPS}, not {steps!r}")
        if self.guidance_interval is not None and not _is_interval(self.guidance_interval):
            raise ValueError(
                f"guidance_interval must be two rising numbers from 0 to 1, not {self.guidance_interval!r}"
            )

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """From JSON or TOML.

        Raises:
            ValueError: a field is unknown or out of bounds; the message begins with its name.
        """
        if unknown := sorted(set(table) - set(NAMES)):
            raise ValueError(f"{unknown[0]} is not one of {', '.join(NAMES)}")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in table.items()
        }
        return cls(**given)

    def as_dict(self) -> dict[str, Any]:
        """As JSON types, without what is None."""
        told = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in told.items() if value is not None}

    def __str__(self) -> str:
        return json.dumps(self.as_dict(), separators=(",", ":")) if self.asked else ""

    @property
    def asked(self) -> frozenset[str]:
        """The names of those that are not None."""
        return frozenset(self.as_dict())

    def over(self, others: Approximations) -> Approximations:
        """These, and of `others` what these leave open."""
        return Approximations(**(_values(others) | _values(self)))

    def is_guided(self, step: int, num_steps: int) -> bool:
        """Whether the middle of a step lies in the guidance interval."""
        first, last = self.guidance_interval or (0.0, 1.0)
        return first <= (step + 0.5) / num_steps <= last

    def source_of(self, step: int) -> int:
        """The step whose keys and values of the garment a step takes: itself, when nothing is reused."""
        return step - step % (self.garment_reuse_steps or 1)


NONE = Approximations()

NAMES = tuple(field.name for field in fields(Approximations))
"""Of the approximations there are."""


def _values(approximations: Approximations) -> dict[str, Any]:
    values = {name: getattr(approximations, name) for name in NAMES}
    return {name: value for name, value in values.items() if value is not None}


def _is_interval(value: object) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    if any(isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end) for end in value):
        return False
    first, last = value
    return bool(0 <= first < last <= 1)
