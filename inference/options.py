"""What the operator decides of an engine, apart from its card and device."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

GIB = 2**30


@dataclass(frozen=True, slots=True)
class Budgets:
    """Bytes that reuse may take of each tier, 0 for none.

    `person_s`: seconds for which what shows a person is kept, 0 for not at all.
    """

    device: int = GIB // 4
    host: int = 4 * GIB
    disk: int = 8 * GIB
    person_s: float = 600.0


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`cache_folder`: what outlives the process (`profiles/`, `compiled/`, `reuse/`); None keeps nothing.

    `overlap`: stages run at the same time and jobs in batches; without it one job at a time goes through one stage
    after the other, to compare with. `alone`: pictures come one by one, guided as the card says; no batches are timed,
    and nothing is compiled for other pictures. `batch_window_s`: how long a lone job may wait for company.
    `forbid_synchronisation`: after the warm-up, which measures, a step that waits for the GPU is an error.
    """

    cache_folder: Path | None = None
    reuse: Budgets = field(default_factory=Budgets)
    batch_window_s: float = 0.005
    overlap: bool = True
    alone: bool = False
    forbid_synchronisation: bool = False

    @property
    def compiled_folder(self) -> Path | None:
        """Where what was compiled and measured lies."""
        return None if self.cache_folder is None else self.cache_folder / "compiled"
