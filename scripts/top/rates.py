"""What changes a minute, from one look at the service and an earlier one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.overview import Overview, QueueView, WorkerView

WINDOW_S = 60.0
SHORTEST_S = 1.0
STAGES = ("read", "prepare", "denoise", "finish", "encode", "store")


@dataclass(slots=True)
class History:
    """Looks of the last minute, the newest last."""

    looks: deque[Overview] = field(default_factory=deque)

    def add(self, seen: Overview) -> None:
        self.looks.append(seen)
        while seen.at - self.looks[0].at > WINDOW_S:
            self.looks.popleft()

    def before(self, worker: WorkerView) -> tuple[float, dict[str, float]]:
        """When it was first seen within the window and what it had counted then; else its start, and nothing."""
        now = self.looks[-1].at
        for look in self.looks:
            if now - look.at < SHORTEST_S:
                break
            for one in look.workers:
                if one.name == worker.name:
                    return look.at, one.stats
        return now - worker.stats.get("wall_s", 0.0), {}


def pictures_a_minute(worker: WorkerView, history: History) -> float:
    """In the last minute, or since it started."""
    since, counted = history.before(worker)
    made = worker.stats.get("pictures", 0.0) - counted.get("pictures", 0.0)
    return 60 * made / max(SHORTEST_S, history.looks[-1].at - since)


def shares(worker: WorkerView, history: History) -> list[tuple[str, float]]:
    """Of the stages' time, each one's share, where there was any."""
    _, counted = history.before(worker)
    took = {stage: worker.stats.get(f"seconds.{stage}", 0.0) - counted.get(f"seconds.{stage}", 0.0) for stage in STAGES}
    total = sum(took.values())
    return [(stage, seconds / total) for stage, seconds in took.items()] if total > 0 else []


def jobs_a_batch(worker: WorkerView) -> float | None:
    """On average since it started; None before its first batch."""
    sizes = {int(name[8:]): number for name, number in worker.stats.items() if name.startswith("batches.")}
    batches = sum(sizes.values())
    return sum(size * number for size, number in sizes.items()) / batches if batches else None


def finished_a_minute(queue: QueueView, now: float) -> float:
    """From the moments of the queue's last pictures."""
    if not queue.pictures_at:
        return 0.0
    recent = [at for at in queue.pictures_at if now - at < WINDOW_S]
    if len(recent) < len(queue.pictures_at):
        return float(len(recent))
    return 60 * len(recent) / max(SHORTEST_S, now - recent[0])
