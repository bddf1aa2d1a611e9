"""What `/metrics` tells is what happened: a real API, a real worker, real generations, and a recount."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from api.exposition import exposition
from api.http_metrics import HttpMetrics
from inference.overview import Overview
from tests.api.conftest import WATCHED
from tests.api.test_contract import PRODUCT, UNWEARABLE, states_until_final, uploaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.conftest import Api, Service

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
TOKEN = "a-token-for-prometheus"
KEYED = """
mode = "api_key"
public_url = "https://try.example"
[[shops]]
domain = "keyed.example"
api_key_envs = ["METRICS_TEST_KEY"]
"""


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.api.client() as client:
        yield client


def series(text: str) -> Series:
    """By name and labels, as the library's parser reads it; each is told once."""
    found: Series = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def scrape(client: httpx.Client) -> Series:
    reply = client.get("/metrics")
    assert reply.status_code == 200
    return series(reply.text)


def value(found: Series, name: str, **labels: str) -> float:
    """The sum over the series with at least these labels."""
    return sum(number for (each, has), number in found.items() if each == name and labels.items() <= dict(has).items())


def generate(client: httpx.Client, photo: str, product: str) -> str:
    job = client.post("/public/fitting-room", json={"userImageId": photo, "productId": product}).json()["jobId"]
    states_until_final(client, job)
    return str(job)


def test_the_figures_are_those_of_a_recount(client: httpx.Client, redis_url: str) -> None:
    photo = uploaded(client)
    before = scrape(client)
    jobs = [generate(client, photo, product) for product in (PRODUCT, PRODUCT, PRODUCT, UNWEARABLE)]
    wrong = client.post("/public/fitting-room", json={"userImageId": photo, "productId": "gid://shopify/Product/9"})
    assert wrong.status_code == 404
    give_up_at = time.monotonic() + 20
    while True:  # the worker's next heartbeat tells of all
        after = scrape(client)
        grown = {key: number - before.get(key, 0) for key, number in after.items()}
        if value(grown, "fitting_room_worker_pictures_total", card=WATCHED) == 3:
            break
        assert time.monotonic() < give_up_at
        time.sleep(0.1)

    with Redis.from_url(redis_url) as redis:
        ends = [redis.hmget(f"rq:job:{job}", "status", "submitted_at", "claimed_at", "updated_at") for job in jobs]
    states = Counter(row[0].decode() for row in ends)
    shop = {"shop": "open.localhost"}
    assert value(grown, "fitting_room_admissions_total", code="ACCEPTED", **shop) == len(jobs)
    assert value(grown, "fitting_room_jobs_accepted_total", **shop) == len(jobs)
    assert value(grown, "fitting_room_jobs_completed_total", **shop) == states["finished"] == 3
    assert value(grown, "fitting_room_jobs_failed_total", **shop) == states["failed"] == 1
    waited = sum(float(row[2]) - float(row[1]) for row in ends)
    assert value(grown, "fitting_room_job_wait_seconds_sum", card=WATCHED) == pytest.approx(waited, abs=0.001)
    assert value(grown, "fitting_room_job_wait_seconds_count", card=WATCHED) == len(jobs)
    whole = sum(float(row[3]) - float(row[1]) for row in ends if row[0] == b"finished")
    assert value(grown, "fitting_room_job_duration_seconds_sum", card=WATCHED) == pytest.approx(whole, abs=0.001)
    assert value(grown, "fitting_room_worker_batch_jobs_sum", card=WATCHED) == 3
    assert value(grown, "fitting_room_worker_stage_runs_total", stage="step") == 3 * 10
    assert 3 * 0.2 <= value(grown, "fitting_room_worker_stage_seconds_total", stage="denoise") < 3 * 2
    assert value(after, "fitting_room_worker_up", worker="watched-worker") == 1
    submit = {"route": "/public/fitting-room", "method": "POST"}
    assert value(grown, "fitting_room_http_requests_total", status="200", **submit) == len(jobs)
    assert value(grown, "fitting_room_http_requests_total", status="404", **submit) == 1
    assert value(grown, "fitting_room_http_request_duration_seconds_count", **submit) == len(jobs) + 1
    assert value(after, "fitting_room_redis_up") == 1


def test_no_label_tells_who_or_which(client: httpx.Client) -> None:
    photo = uploaded(client)
    job = generate(client, photo, PRODUCT)
    client.get(f"/storage/{'x' * 40}")
    client.get("/nowhere/gen_0123")
    text = client.get("/metrics").text
    assert "gen_" not in text
    assert "photos/" not in text
    assert {photo.rpartition("/")[2], job, "nowhere", "x" * 40} & set(text.split('"')) == set()
    names = {label for _, labels in series(text) for label, _ in labels}
    of_others = {"what", "state", "event", "kind", "tier"}  # once other tests shared, told addresses, or reused, here
    assert names - of_others == {"method", "route", "status", "shop", "code", "card", "worker", "stage", "le"}


def test_strangers_are_refused(start_api: Callable[..., Api]) -> None:
    closed = start_api(KEYED, env={"METRICS_TEST_KEY": "k" * 32})
    assert httpx.get(f"{closed.url}/metrics").status_code == 404
    assert httpx.get(f"{closed.url}/metrics", headers={"x-api-key": "k" * 32}).status_code == 404
    opened = start_api(KEYED, env={"METRICS_TEST_KEY": "k" * 32, "FITTING_ROOM_METRICS_TOKEN": TOKEN})
    for given in (None, "Bearer", "Bearer wrong", TOKEN, f"Bearer {TOKEN}x"):
        reply = httpx.get(f"{opened.url}/metrics", headers={"Authorization": given} if given else {})
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert httpx.get(f"{opened.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert TOKEN not in opened.log


def test_a_page_of_another_name_reads_nothing(client: httpx.Client) -> None:
    assert client.get("/metrics", headers={"Host": "evil.example"}).status_code == 403
    assert "/metrics" not in client.get("/openapi.json").json()["paths"]


def test_openmetrics_is_told_to_who_asks_for_it(client: httpx.Client) -> None:
    reply = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert reply.text.endswith("# EOF\n")


def look(num_waiting: int, num_workers: int) -> Overview:
    """As Redis answers it."""
    stats = {f"seconds.stage-{number}": 1.5 for number in range(9)} | {"batches.4": 3, "reuse.latents.misses": 2}
    told = [b"busy", WATCHED.encode(), json.dumps(stats).encode(), b"99", b"200", []]
    queues = [[WATCHED.encode(), num_waiting, 3, 0, [b"a.example", num_waiting, b"40"], [], []]]
    return Overview.of(
        [b"100", queues, [[f"machine-{number:08x}".encode(), *told] for number in range(num_workers)], []]
    )


def test_a_scrape_grows_with_the_workers_only_and_stays_small() -> None:
    def text(num_waiting: int, num_workers: int) -> str:
        return exposition(HttpMetrics(), look(num_waiting, num_workers), 1000, "")[0].decode()

    assert len(text(100_000, 1)) - len(text(1, 1)) < 100
    many = text(100_000, 64)
    found = series(many)
    assert value(found, "fitting_room_worker_batch_jobs_sum") == 64 * 12
    assert value(found, "fitting_room_queue_jobs", card=WATCHED) == 100_000
    assert value(found, "fitting_room_queue_oldest_job_age_seconds") == 60
    assert len(many) < 64 * 6_000
