"""The stages of a soak, in order. One more is a function from a `Site` to its `Findings`, and a row here."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.soak import kills, overload, rolling
from scripts.soak.plan import Stage

STAGES: Mapping[str, Stage] = {
    "kills": kills.run,
    "rolling restart": rolling.run,
    "overload": overload.run,
}
