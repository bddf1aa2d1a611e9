"""What a soak is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress

    from scripts.soak.findings import Findings
    from scripts.soak.marks import Marks


@dataclass(frozen=True, slots=True)
class Plan:
    """`jobs` and `kills` of the stage `kills`, from which the others take their size; `seed` of all that is chance."""

    jobs: int
    kills: int
    seed: int
    num_apis: int = 2
    num_workers: int = 2
    picture_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Site:
    """Where a stage does its work. `folder` is empty at its start; what its `marks` plant is looked for at the end."""

    folder: Path
    plan: Plan
    marks: Marks
    progress: Progress


Stage = Callable[[Site], "Findings"]
