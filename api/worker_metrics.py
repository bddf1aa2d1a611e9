"""What workers tell with each heartbeat, as metrics: one series a worker, named by it and its card."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import Metric

    from inference.overview import WorkerView

PREFIX = "fitting_room_worker_"
WORKER = ("worker", "card")
BATCH_SIZES = (1, 2, 4, 8, 16, 32)

GAUGES = {
    "wall_s": ("uptime_seconds", "Seconds since its model began to load."),
    "device.memory_used_bytes": ("device_memory_used_bytes", "Memory of its device that is taken, by anybody."),
    "device.memory_total_bytes": ("device_memory_total_bytes", "Memory that its device has."),
    "device.memory_reserved_bytes": ("device_memory_reserved_bytes", "Memory of its device that it has taken itself."),
    "device.utilisation": ("device_utilisation_ratio", "Share of the last moment for which its device was busy."),
    "process.resident_bytes": ("resident_memory_bytes", "Memory of the machine that it takes."),
}
"""What rises and falls: name in the heartbeat -> metric, and what it tells."""

COUNTERS = {
    "pictures": ("pictures", "Pictures that it stored."),
    "process.cpu_s": ("cpu_seconds", "Processor time that it took."),
}

LABELLED = {
    "seconds": ("stage_seconds", "Seconds that a stage took, over all its threads.", ("stage",)),
    "runs": ("stage_runs", "How often a stage ran.", ("stage",)),
}
"""Counters with the rest of their name as a label."""


def worker_metrics(workers: tuple[WorkerView, ...]) -> Iterator[Metric]:
    """Families of all of `workers`."""
    yield _gauge("up", "Whether its heartbeat is fresh.", {who(one): float(one.is_ready) for one in workers})
    yield _gauge("heartbeat_age_seconds", "Seconds since it was heard.", {who(one): one.silent_s for one in workers})
    yield _gauge("jobs", "Jobs that it holds.", {who(one): float(len(one.jobs)) for one in workers})
    for name, (metric, told) in GAUGES.items():
        yield _gauge(metric, told, {who(one): one.stats[name] for one in workers if name in one.stats})
    for name, (metric, told) in COUNTERS.items():
        family = CounterMetricFamily(PREFIX + metric, told, labels=WORKER)
        for one in workers:
            family.add_metric(who(one), one.stats.get(name, 0))
        yield family
    for prefix, (metric, told, labels) in LABELLED.items():
        family = CounterMetricFamily(PREFIX + metric, told, labels=(*WORKER, *labels))
        for one in workers:
            for rest, value in _below(prefix, one.stats):
                family.add_metric((*who(one), rest), value)
        yield family
    yield _batches(workers)
    yield from _caches(workers)


def who(worker: WorkerView) -> tuple[str, str]:
    return worker.name, ",".join(worker.cards)


def _gauge(metric: str, told: str, values: Mapping[tuple[str, str], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + metric, told, labels=WORKER)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _batches(workers: tuple[WorkerView, ...]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(PREFIX + "batch_jobs", "Jobs of a batch.", labels=WORKER)
    for one in workers:
        sizes = {int(size): number for size, number in _below("batches", one.stats)}
        counts = [0.0] * (len(BATCH_SIZES) + 1)
        for size, number in sizes.items():
            counts[sum(size > bound for bound in BATCH_SIZES)] += number
        bounds = [*map(str, BATCH_SIZES), "+Inf"]
        total = float(sum(size * number for size, number in sizes.items()))
        family.add_metric(who(one), list(zip(bounds, accumulate(counts), strict=True)), total)
    return family


def _caches(workers: tuple[WorkerView, ...]) -> Iterator[Metric]:
    """`reuse.<kind>.<tier>.hits`, `reuse.<kind>.<tier>.bytes` and `reuse.<kind>.misses`."""
    by_tier = (*WORKER, "kind", "tier")
    hits = CounterMetricFamily(PREFIX + "cache_hits", "What was found, by the tier that had it.", labels=by_tier)
    misses = CounterMetricFamily(PREFIX + "cache_misses", "What had to be computed.", labels=by_tier[:-1])
    held = GaugeMetricFamily(PREFIX + "cache_bytes", "What a tier of its memory holds.", labels=by_tier)
    for one in workers:
        for name, value in _below("reuse", one.stats):
            match name.split("."):
                case kind, tier, "hits":
                    hits.add_metric((*who(one), kind, tier), value)
                case kind, tier, "bytes":
                    held.add_metric((*who(one), kind, tier), value)
                case kind, "misses":
                    misses.add_metric((*who(one), kind), value)
    yield from (hits, misses, held)


def _below(prefix: str, stats: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    for name, value in stats.items():
        if name.startswith(f"{prefix}."):
            yield name[len(prefix) + 1 :], value
