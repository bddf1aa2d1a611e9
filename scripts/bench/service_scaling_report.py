"""What `bench service --simulate` tells: tables, plots and the last line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scripts.bench.live import depths
from scripts.bench.live.depths import CALLS, KINDS, Depth
from scripts.bench.live.figures import percentiles_ms
from scripts.bench.live.gpus import Cell
from scripts.bench.machine import Machine
from scripts.bench.plots import Line, Plot
from scripts.bench.report import Report, Table
from scripts.bench.service_scaling import Scaling
from scripts.bench.spread import Spread, ratio_of, spread_of


def scaling(found: Scaling, command: str, machine: Machine) -> Report:
    """Of simulated GPUs and waiting jobs."""
    fewest, most = min(found.depths), max(found.depths)
    growth = {
        kind: ratio_of(depths.medians_s(found.depths[most], kind), depths.medians_s(found.depths[fewest], kind))
        for kind in KINDS
    }
    costs = {depth: {kind: _cost(found.depths[depth], kind) for kind in KINDS} for depth in found.depths}
    pickups = {each.num_gpus: percentiles_ms(each.pickups_s) for each in found.idle}
    return Report(
        name="service-scaling",
        title="Many GPUs",
        command=command,
        machine=machine,
        figures={
            "scaling_efficiency": min(found.efficiency(cell) for cell in found.widest),
            "lost": found.fates["lost"],
            "jobs": dict(found.fates),
            "submitted": found.fates.total(),
            "simulated_picture_s": found.plan.picture_s,
            "growth": growth,
            "costs": costs,
            "gpus": [_cell_told(found, cell) for cell in found.cells],
            "idle": [
                {
                    "gpus": each.num_gpus,
                    "pickup_ms": pickups[each.num_gpus],
                    "redis_share": each.redis_share,
                    "workers_share": each.workers_share,
                }
                for each in found.idle
            ],
        },
        tables=[
            Table(
                "What a call costs by the jobs that wait: milliseconds, as the caller sees it",
                ("waiting", *KINDS),
                [
                    *((f"{depth:,}", *(cost["ms"].median for cost in costs[depth].values())) for depth in costs),
                    (f"{most:,} / {fewest:,}", *(ratio.median for ratio in growth.values())),
                    ("from", *(ratio.low for ratio in growth.values())),
                    ("to", *(ratio.high for ratio in growth.values())),
                ],
            ),
            Table(
                "The same: microseconds of Redis's one thread",
                ("waiting", *KINDS),
                [(f"{depth:,}", *(cost["redis_us"].median for cost in costs[depth].values())) for depth in costs],
            ),
            Table(
                f"Simulated GPUs, {found.plan.picture_s:g} s a picture",
                ("GPUs", "waiting", "pictures/s", "efficiency", "submit ms", "status ms", "Redis", "start s"),
                [_cell_row(found, cell) for cell in found.cells],
            ),
            Table(
                "Idle GPUs: pick-up from the POST, and shares of one core",
                ("GPUs", "p50 ms", "p99 ms", "Redis", "workers"),
                [
                    (
                        each.num_gpus,
                        pickups[each.num_gpus]["p50"],
                        pickups[each.num_gpus]["p99"],
                        each.redis_share,
                        each.workers_share,
                    )
                    for each in found.idle
                ],
            ),
        ],
        plots=[
            Plot(
                "Pictures by GPUs",
                "simulated GPUs",
                "pictures a second",
                [
                    _line(f"{depth:,} waiting", [cell for cell in found.cells if cell.num_waiting == depth])
                    for depth in found.depths
                ],
                x_scale="log2",
                y_scale="log",
            ),
            Plot(
                "Costs by waiting jobs",
                "waiting jobs",
                "ms",
                [Line(kind, list(costs), [costs[depth][kind]["ms"].median for depth in costs]) for kind in KINDS[:5]],
                x_scale="log",
            ),
        ],
        notes=[
            f"Costs: {CALLS} calls of each kind a round, by turns over all numbers of waiting jobs, without workers.",
            f"Every job that was asked for: {', '.join(f'{count:,} {fate}' for fate, count in found.fates.items())}.",
        ],
    )


def _cost(depth: Depth, kind: str) -> dict[str, Spread]:
    return {
        "ms": spread_of(depths.medians_s(depth, kind)).times(1000),
        "redis_us": spread_of(depths.redis_us(depth, kind)),
    }


def _cell_told(found: Scaling, cell: Cell) -> dict[str, Any]:
    return {
        "gpus": cell.num_gpus,
        "waiting": cell.num_waiting,
        "pictures_per_s": cell.rate,
        "efficiency": found.efficiency(cell),
        "submit_ms": percentiles_ms(cell.submits_s),
        "status_ms": percentiles_ms(cell.statuses_s),
        "redis_share": cell.redis_share,
        "start_s": cell.ready_s,
    }


def _cell_row(found: Scaling, cell: Cell) -> tuple[object, ...]:
    medians = [percentiles_ms(times).get("p50") for times in (cell.submits_s, cell.statuses_s)]
    waiting = f"{cell.num_waiting:,}"
    return cell.num_gpus, waiting, cell.rate, found.efficiency(cell), *medians, cell.redis_share, cell.ready_s


def _line(label: str, cells: Sequence[Cell]) -> Line:
    return Line(label, [cell.num_gpus for cell in cells], [cell.rate for cell in cells])
