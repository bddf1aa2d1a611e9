"""What one API process counts: requests by route, admissions by code, and what the process takes of its machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client import Metric

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nothing here asks for

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class HttpMetrics:
    """In a registry of its own, so that several applications in one process count apart."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "fitting_room_http_requests",
            "HTTP requests that this API process answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "fitting_room_http_request_duration_seconds",
            "Seconds until an answer was sent whole.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._admissions = Counter(
            "fitting_room_admissions",
            "Generations asked of this API process: ACCEPTED, or why not.",
            ("shop", "code"),
            registry=self._registry,
        )
        self._events = Counter(
            "fitting_room_events",
            "Events that storefronts told this API process, by the names that the contract knows.",
            ("shop", "event"),
            registry=self._registry,
        )
        self._emails = Counter(
            "fitting_room_emails",
            "E-mail addresses that shoppers told, and what became of them, as far as this API process knows.",
            ("shop", "state"),
            registry=self._registry,
        )
        self._shares = Counter(
            "fitting_room_shares",
            "Shared pictures, by this API process: links that were asked for, and pages that were seen.",
            ("shop", "what"),
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request more. `route` is a template: no metric may tell an id."""
        known = self._known.get((method, route, status))
        if known is None:
            known = self._known[method, route, status] = self._children(method, route, status)
        known[0].inc()
        known[1].observe(seconds)

    def _children(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        named = method if method in METHODS else "other"
        return self._requests.labels(named, route, status), self._seconds.labels(named, route)

    def admitted(self, shop: str, code: str) -> None:
        """One wish for a generation more, which became `code`."""
        self._admissions.labels(shop, code).inc()

    def told(self, shop: str, event: str) -> None:
        """One of a storefront's events more. `event` is one of few names."""
        self._events.labels(shop, event).inc()

    def collected(self, shop: str, state: str) -> None:
        """One e-mail address more that is in this `state`."""
        self._emails.labels(shop, state).inc()

    def shared(self, shop: str, what: str) -> None:
        """One link (`ASKED`) or one look at its page (`SEEN`) more."""
        self._shares.labels(shop, what).inc()

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()
