"""Traces of generations, by OpenTelemetry where it is installed and its variables ask for it; else nothing at all."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from inference.jobs import GenerationRequest

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NOTHING: AbstractContextManager[object] = contextlib.nullcontext()

logger = logging.getLogger(__name__)


class Answered(Protocol):
    """A request's span."""

    def as_(self, method: str, route: str, status: int) -> None: ...


class Tracer(Protocol):
    """What `inference.otel` does."""

    def span(self, name: str, requests: Sequence[GenerationRequest]) -> AbstractContextManager[object]: ...
    def request(self, name: str) -> AbstractContextManager[Answered]: ...
    def claimed(self, requests: Sequence[GenerationRequest], took_s: float) -> None: ...
    def traceparent(self) -> str | None: ...


_tracer: Tracer | None = None


def configure(process: str) -> None:
    """Trace this process if the variables of OpenTelemetry name a receiver; what is configured is theirs to say."""
    global _tracer
    if not _is_wanted(os.environ):
        return
    try:
        from inference.otel import OpenTelemetry
    except ImportError:
        logger.warning(
            "OTEL_* variables ask for traces, which need: .venv/bin/pip install -c constraints.txt -e '.[otel]'"
        )
        return
    _tracer = OpenTelemetry(process)


def _is_wanted(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(environment.get(name) for name in ENDPOINTS)


def is_on() -> bool:
    return _tracer is not None


def span(name: str, *requests: GenerationRequest) -> AbstractContextManager[object]:
    """What happens to a generation, or to several at once, within the block."""
    return NOTHING if _tracer is None else _tracer.span(name, requests)


def request(name: str) -> AbstractContextManager[Answered]:
    """An HTTP request, the root of a trace: a stranger's is not gone on with. Ask only where tracing is on."""
    assert _tracer is not None
    return _tracer.request(name)


def claimed(requests: Sequence[GenerationRequest], took_s: float) -> None:
    """These have waited until now, and claiming them took so long."""
    if _tracer is not None:
        _tracer.claimed(requests, took_s)


def traceparent() -> str | None:
    """Of the span that is open here, for a job to carry."""
    return None if _tracer is None else _tracer.traceparent()
