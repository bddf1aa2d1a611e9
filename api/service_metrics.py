"""What is told of the whole service, by whichever API process is asked: queues, jobs and workers, as Redis has them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from prometheus_client import Metric

    from inference.overview import Distribution, JobCount, Overview, QueueView


def service_metrics(seen: Overview | None, max_queue_length: int) -> Iterator[Metric]:
    """Of one look at Redis; None when it did not answer."""
    yield GaugeMetricFamily(
        "fitting_room_redis_up", "Whether Redis answered this scrape.", value=float(seen is not None)
    )
    yield GaugeMetricFamily(
        "fitting_room_queue_limit_jobs", "Waiting jobs beyond which new ones are refused.", value=max_queue_length
    )
    if seen is not None:
        yield from _of_queues(seen)
        yield from _of_jobs(seen.jobs)


QUEUE_GAUGES: tuple[tuple[str, str, Callable[[QueueView], float]], ...] = (
    ("queue_jobs", "Jobs that wait for a worker.", lambda queue: queue.num_waiting),
    ("queue_oldest_job_age_seconds", "Seconds for which the oldest waiting job waits.", lambda queue: queue.oldest_s),
    ("running_jobs", "Jobs that a worker holds.", lambda queue: queue.num_running),
    ("idle_workers", "Workers that wait for a job.", lambda queue: queue.num_idle),
)
DISTRIBUTIONS: tuple[tuple[str, str, Callable[[QueueView], Distribution]], ...] = (
    ("job_wait_seconds", "Seconds from a job's submission until a worker took it first.", lambda queue: queue.wait),
    ("job_duration_seconds", "Seconds from a job's submission until its picture was stored.", lambda queue: queue.job),
)


def _of_queues(seen: Overview) -> Iterator[Metric]:
    for name, told, value in QUEUE_GAUGES:
        family = GaugeMetricFamily(f"fitting_room_{name}", told, labels=("card",))
        for queue in seen.queues:
            family.add_metric((queue.card,), value(queue))
        yield family
    of_shops = GaugeMetricFamily(
        "fitting_room_queue_shop_jobs", "Jobs of a shop that wait for a worker.", labels=("card", "shop")
    )
    for queue in seen.queues:
        for shop in queue.shops:
            of_shops.add_metric((queue.card, shop.shop), shop.num_waiting)
    yield of_shops
    for name, told, distribution in DISTRIBUTIONS:
        histogram = HistogramMetricFamily(f"fitting_room_{name}", told, labels=("card",))
        for queue in seen.queues:
            found = distribution(queue)
            histogram.add_metric((queue.card,), found.buckets, found.total)
        yield histogram


def _of_jobs(jobs: Iterable[JobCount]) -> Iterator[Metric]:
    families = {
        "accepted": CounterMetricFamily("fitting_room_jobs_accepted", "Jobs that were accepted.", labels=("shop",)),
        "completed": CounterMetricFamily("fitting_room_jobs_completed", "Jobs that got a picture.", labels=("shop",)),
        "failed": CounterMetricFamily(
            "fitting_room_jobs_failed", "Jobs that ended without one.", labels=("shop", "code")
        ),
    }
    unended = GaugeMetricFamily("fitting_room_open_jobs", "Jobs of a shop that wait or run.", labels=("shop",))
    num_open: Counter[str] = Counter()
    for one in jobs:
        num_open[one.shop] += one.number if one.what == "accepted" else -one.number
        if one.what in families:
            labels = (one.shop, one.code or "INTERNAL") if one.what == "failed" else (one.shop,)
            families[one.what].add_metric(labels, one.number)
    for shop, number in num_open.items():
        unended.add_metric((shop,), max(0, number))
    yield from (*families.values(), unended)
