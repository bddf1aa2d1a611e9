"""One frame of `fitting-room top`: queues, shops and workers, as wide as the terminal."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from scripts.top.rates import finished_a_minute, jobs_a_batch, pictures_a_minute, shares

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from inference.overview import Overview, WorkerView
    from scripts.top.rates import History

WIDE = 120  # columns from which everything is told
MOST_SHOPS = 8
MOST_STAGES = 4
COLOURS = {"idle": "green", "busy": "cyan", "suspended": "yellow"}


def frame(history: History, width: int, trouble: str = "") -> RenderableType:
    """The newest look, `width` columns wide; under `trouble` when Redis does not answer any more."""
    if not history.looks:
        return Text(trouble or "Redis is asked ...", style="red" if trouble else "dim")
    seen = history.looks[-1]
    tables = (_queues(seen), _shops(seen), _workers(history, width))
    parts: list[RenderableType] = [_headline(seen), *(part for table in tables for part in ("", table))]
    if trouble:
        parts.insert(0, Text(f"{trouble} What follows is old.", style="bold red"))
    return Group(*parts)


def _headline(seen: Overview) -> Text:
    ready = sum(worker.is_ready for worker in seen.workers)
    waiting = sum(queue.num_waiting for queue in seen.queues)
    rate = sum(finished_a_minute(queue, seen.at) for queue in seen.queues)
    at = datetime.fromtimestamp(seen.at, UTC).strftime("%H:%M:%S UTC")
    told = f"{at}  {waiting} waiting  {ready}/{len(seen.workers)} workers ready  {rate:.1f} pictures/min"
    return Text.assemble(("Fitting Room  ", "bold"), told)


def _table(*columns: str, left: Iterable[str] = ()) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    return table


def _queues(seen: Overview) -> Table:
    table = _table("queue", "waiting", "oldest", "running", "pictures/min", "wait p50", "p95", left=("queue",))
    for queue in seen.queues:
        rate = finished_a_minute(queue, seen.at)
        counts = (str(queue.num_waiting), _time(queue.oldest_s), str(queue.num_running), f"{rate:.1f}")
        table.add_row(queue.card, *counts, queue.wait.at_most(0.5), queue.wait.at_most(0.95))
    return table


def _shops(seen: Overview) -> Table:
    told: dict[str, Counter[str]] = {}
    for one in seen.jobs:
        told.setdefault(one.shop, Counter())[one.what] += one.number
    waiting: Counter[str] = Counter()
    oldest: dict[str, float] = {}
    for view in (view for queue in seen.queues for view in queue.shops):
        waiting[view.shop] += view.num_waiting
        oldest[view.shop] = max(view.oldest_s, oldest.get(view.shop, 0.0))
    table = _table("shop", "open", "waiting", "oldest", "accepted", "completed", "failed", left=("shop",))
    rows = [(counts["accepted"] - counts["completed"] - counts["failed"], shop) for shop, counts in told.items()]
    for open_jobs, shop in sorted(rows, key=lambda row: (-row[0], row[1]))[:MOST_SHOPS]:
        counts = told[shop]
        ends = (str(counts[what]) for what in ("accepted", "completed", "failed"))
        table.add_row(shop, str(max(0, open_jobs)), str(waiting[shop]), _time(oldest.get(shop, 0.0)), *ends)
    if len(rows) > MOST_SHOPS:
        table.add_row(f"and {len(rows) - MOST_SHOPS} more", *[""] * 6, style="dim")
    return table


def _workers(history: History, width: int) -> Table:
    is_wide = width >= WIDE
    columns = ["worker", "state", "job", "batch", "pic/min", "memory", "GPU"]
    table = _table(*columns, *(["stages"] if is_wide else []), left=("worker", "state", "job", "stages"))
    table.columns[0].overflow = "ellipsis"
    for worker in history.looks[-1].workers:
        batch = jobs_a_batch(worker)
        row: list[str | Text] = [
            Text(worker.name if is_wide else _short(worker.name)),
            _state(worker),
            Text(_jobs(worker, is_wide=is_wide)),
            "" if batch is None else f"{batch:.1f}",
            f"{pictures_a_minute(worker, history):.1f}",
            _memory(worker),
            _utilisation(worker),
        ]
        if is_wide:
            most = sorted(shares(worker, history), key=lambda each: -each[1])[:MOST_STAGES]
            row.append(" ".join(f"{stage} {share:.0%}" for stage, share in most))
        table.add_row(*row)
    return table


def _short(name: str) -> str:
    return name if len(name) <= 11 else f"…{name[-10:]}"


def _state(worker: WorkerView) -> Text:
    if not worker.is_ready:
        return Text(f"silent {_time(worker.silent_s)}", style="bold red")
    return Text(worker.state or "?", style=COLOURS.get(worker.state, ""))


def _jobs(worker: WorkerView, *, is_wide: bool) -> str:
    """The first of what it holds, and how many more there are; a generation is told by the beginning of its id."""
    if not worker.jobs:
        return ""
    first, progress = next(iter(worker.jobs.items()))
    more = f" +{len(worker.jobs) - 1}" if len(worker.jobs) > 1 else ""
    return f"{first[: 16 if is_wide else 8]} {progress:.0%}{more}"


def _memory(worker: WorkerView) -> str:
    """Of its GPU; of the machine where it has none."""
    used, total = (worker.stats.get(f"device.memory_{what}_bytes", 0) for what in ("used", "total"))
    if total:
        return f"{used / 2**30:.0f}/{total / 2**30:.0f} GiB"
    resident = worker.stats.get("process.resident_bytes", 0)
    return decimal(int(resident)) if resident else ""


def _utilisation(worker: WorkerView) -> str:
    share = worker.stats.get("device.utilisation")
    return "-" if share is None else f"{share:.0%}"


def _time(seconds: float) -> str:
    if seconds <= 0:
        return "-"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
