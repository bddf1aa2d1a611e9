"""What the workers claimed and ended, noted by themselves: whose jobs a kill interrupted, and when they ran again."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.soak.traps import Death

What = Literal["claimed", "ended"]


@dataclass(frozen=True, slots=True)
class Run:
    at: float  # seconds since the epoch
    what: str
    pid: int
    generation_id: str


class Runs:
    """The log of one soak's workers; `pid` is the worker's that writes."""

    def __init__(self, log: Path, pid: int) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._pid = pid

    @classmethod
    def of(cls, folder: Path, pid: int) -> Runs:
        return cls(folder / "runs.log", pid)

    def note(self, what: What, generation_ids: Iterable[str]) -> None:
        now = time.time()
        lines = [f"{now:.6f} {what} {self._pid} {each}\n" for each in generation_ids]
        os.write(self._log, "".join(lines).encode())


def read(folder: Path) -> list[Run]:
    """All of them, in order."""
    log = folder / "runs.log"
    rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [Run(float(at), what, int(pid), generation_id) for at, what, pid, generation_id in rows]


def recoveries_s(runs: Sequence[Run], deaths: Sequence[Death]) -> list[float]:
    """For each job that a worker's death interrupted, the seconds until a worker had it again."""
    by_job: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_job[run.generation_id].append(run)
    found = []
    for death in deaths:
        for history in by_job.values():
            ours = [run for run in history if run.pid == death.pid and run.at <= death.at]
            again = [run.at for run in history if run.what == "claimed" and run.at > death.at]
            if ours and ours[-1].what == "claimed" and again:
                found.append(min(again) - death.at)
    return sorted(found)
