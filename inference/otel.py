"""Spans by OpenTelemetry's SDK, sent by OTLP over HTTP. Its own variables (OTEL_*) say where to, how many, as whom."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from inference.jobs import GenerationRequest

W3C = TraceContextTextMapPropagator()
NS = 10**9


class OpenTelemetry:
    """A generation's spans are children of the request that asked for it; a batch is the first one's, with links."""

    def __init__(self, process: str) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"fitting-room-{process}"}
        self._provider = TracerProvider(resource=Resource.create(named))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("fitting-room")

    @contextmanager
    def span(self, name: str, requests: Sequence[GenerationRequest]) -> Iterator[None]:
        contexts = [_context(request) for request in requests if request.traceparent]
        if not contexts:
            yield
            return
        links = [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts]
        told = {"fitting_room.generation_ids": [request.generation_id for request in requests]}
        with self._tracer.start_as_current_span(
            name, contexts[0], attributes=told, links=links if len(links) > 1 else None
        ):
            yield

    @contextmanager
    def request(self, name: str) -> Iterator[Answered]:
        with self._tracer.start_as_current_span(name, Context(), trace.SpanKind.SERVER) as span:
            yield Answered(span)

    def claimed(self, requests: Sequence[GenerationRequest], took_s: float) -> None:
        now = time.time_ns()
        began_at = now - int(took_s * NS)
        for request in requests:
            if request.traceparent and request.asked_at:
                told = {"fitting_room.generation_ids": [request.generation_id]}
                waited_from = min(began_at, int(request.asked_at * NS))
                context = _context(request)
                for name, start, end in (("queue", waited_from, began_at), ("claim", began_at, now)):
                    self._tracer.start_span(name, context, attributes=told, start_time=start).end(end)

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        return carrier.get("traceparent")


class Answered:
    """The span of an HTTP request, to be told how that was answered."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def as_(self, method: str, route: str, status: int) -> None:
        """`route`: its template, for a path can hold a token."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )
        if status >= 500:
            self._span.set_status(trace.StatusCode.ERROR)


def _context(request: GenerationRequest) -> Context:
    return W3C.extract({"traceparent": request.traceparent or ""}, Context())
