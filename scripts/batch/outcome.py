"""What a command has come to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.batch.manifest import MANIFEST

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of `num_rows`, `num_to_do` were not done when it began, and `num_left` are not when it ended."""

    folder: Path
    num_rows: int
    num_to_do: int
    num_left: int = 0
    num_failed: int = 0
    began_at: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def num_before(self) -> int:
        return self.num_rows - self.num_to_do

    @property
    def exit_code(self) -> int:
        return INTERRUPTED if self.num_left else int(self.num_failed > 0)

    def ended(self, num_left: int, num_failed: int) -> Outcome:
        """Now."""
        seconds = time.monotonic() - self.began_at
        return replace(self, num_left=num_left, num_failed=num_failed, seconds=seconds)

    def told(self) -> dict[str, Any]:
        """For JSON."""
        num_done = self.num_to_do - self.num_left
        return {
            "manifest": str(self.folder / MANIFEST),
            "rows": self.num_rows,
            "made": self.num_rows - self.num_left - self.num_failed,
            "failed": self.num_failed,
            "left": self.num_left,
            "before": self.num_before,
            "seconds": round(self.seconds, 3),
            "rows_per_s": round(num_done / self.seconds, 3) if self.seconds else 0.0,
        }
