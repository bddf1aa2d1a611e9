"""What a stage found: rows of the table, and figures of the last line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `kept` is None where there is nothing to keep, only to know."""

    what: str
    found: str
    kept: bool | None = None


@dataclass
class Findings:
    """Of one stage. `figures` go into the last line by their names."""

    stage: str
    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def tell(self, what: str, found: object, *, kept: bool | None = None, **figures: Any) -> None:
        self.rows.append(Row(what, str(found), kept))
        self.figures |= figures

    @property
    def is_good(self) -> bool:
        return all(row.kept is not False for row in self.rows)


def distribution(values: Sequence[float]) -> dict[str, float]:
    """`p50`, `p95` and `max`; nothing of nothing."""
    if not values:
        return {}
    return {
        "p50": round(float(np.percentile(values, 50, method="inverted_cdf")), 3),
        "p95": round(float(np.percentile(values, 95, method="inverted_cdf")), 3),
        "max": round(max(values), 3),
    }


def shown(told: Mapping[str, float], unit: str = "s") -> str:
    return ", ".join(f"{name} {value:.3g} {unit}" for name, value in told.items()) or "none"
