"""All metrics as the text that Prometheus reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder

from api.service_metrics import service_metrics
from api.worker_metrics import worker_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

    from api.http_metrics import HttpMetrics
    from inference.overview import Overview


class _Scrape:
    """What the library's encoders take for a registry."""

    def __init__(self, counted: HttpMetrics, seen: Overview | None, max_queue_length: int) -> None:
        self._counted, self._seen, self._max_queue_length = counted, seen, max_queue_length

    def collect(self) -> Iterable[Metric]:
        yield from self._counted.collect()
        yield from service_metrics(self._seen, self._max_queue_length)
        if self._seen is not None:
            yield from worker_metrics(self._seen.workers)


def exposition(counted: HttpMetrics, seen: Overview | None, max_queue_length: int, accepted: str) -> tuple[bytes, str]:
    """The text in the newest form that is `accepted` (by the header Accept), and its content type.

    `seen`: one look at Redis, None when it did not answer.
    """
    encode, content_type = choose_encoder(accepted)
    return encode(_Scrape(counted, seen, max_queue_length)), content_type
