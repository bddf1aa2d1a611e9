"""Spans of real requests and a real worker, received as a collector receives them: OTLP over HTTP."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.api.conftest import running_worker
from tests.api.test_contract import PRODUCT, UNWEARABLE, states_until_final, uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.api.conftest import Api

CARD = "traced"
THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(ThreadingHTTPServer):
    """What it was sent: spans by name, each with the process that told it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spans: dict[str, list[Any]] = defaultdict(list)
        self.services: dict[bytes, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.server_port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def take(self, message: ExportTraceServiceRequest) -> None:
        for resource in message.resource_spans:
            told = {each.key: each.value.string_value for each in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                self.services[span.span_id] = told["service.name"]
                self.spans[span.name].append(span)

    def of(self, generation_id: str, name: str, within_s: float = 20) -> Any:
        """The span of this name that concerns a generation."""
        give_up_at = time.monotonic() + within_s
        while True:
            for span in list(self.spans[name]):
                if generation_id in str(span.attributes):
                    return span
            assert time.monotonic() < give_up_at, f"{name} of {generation_id} is not among {list(self.spans)}"
            time.sleep(0.05)


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = ExportTraceServiceRequest()
        message.ParseFromString(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.server.take(message)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """It says nothing."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def test_a_batch_s_jobs_are_traced_from_request_to_picture(
    collector: Collector, start_api: Callable[..., Api], redis_url: str, products: Path
) -> None:
    named = {"FITTING_ROOM_PRODUCTS": str(products), "FITTING_ROOM_CARD": CARD}
    api = start_api("weekly_limit = 100", env=named | collector.environment)
    with api.client() as client:
        photo = uploaded(client)
        wanted = [{"userImageId": photo, "productId": product} for product in (PRODUCT, PRODUCT, UNWEARABLE)]
        theirs = {"traceparent": THEIRS}
        replies = [client.post("/public/fitting-room", json=one, headers=theirs) for one in wanted]
        one, other, failing = (reply.json()["jobId"] for reply in replies)
        with running_worker(api, redis_url, CARD, collector.environment):
            assert [states_until_final(client, job)[-1]["status"] for job in (one, other, failing)] == [
                "COMPLETED",
                "COMPLETED",
                "FAILED",
            ]

    asked = {span.span_id: span for span in collector.spans["POST /public/fitting-room"]}
    assert len(asked) == 3
    traces = {span.trace_id for span in asked.values()}
    assert len(traces) == 3
    assert bytes.fromhex(THEIRS.split("-")[1]) not in traces
    for job in (one, other):
        chain = [collector.of(job, name) for name in ("queue", "claim", "prepare", "denoise", "finish", "store")]
        parent = asked[chain[0].parent_span_id]
        assert collector.services[parent.span_id] == "fitting-room-api"
        for span in chain:
            assert collector.services[span.span_id] == "fitting-room-worker"
            if span.name != "denoise":
                assert (span.parent_span_id, span.trace_id) == (parent.span_id, parent.trace_id)
        began = [span.start_time_unix_nano for span in chain]
        assert began == sorted(began)
    denoise = collector.of(one, "denoise")
    assert denoise is collector.of(other, "denoise")
    assert {link.span_id for link in denoise.links} < set(asked)
    assert len(denoise.links) == 2
    assert collector.of(failing, "prepare").status.code == 2  # an error
    told = str([spans for name, spans in collector.spans.items() if name.startswith(("GET", "PUT", "POST"))])
    assert "/storage/{token}" in told
    assert photo.rpartition("/")[2] not in told


def test_nothing_is_imported_where_no_receiver_is_named() -> None:
    code = "import api.app, inference.worker, sys; from inference import tracing; tracing.configure('api'); "
    code += "ours = ('inference.otel', 'opentelemetry.exporter'); assert not tracing.is_on(); "
    code += "print([name for name in sys.modules if name.startswith(ours)])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={})
    assert said.stdout == "[]\n"
