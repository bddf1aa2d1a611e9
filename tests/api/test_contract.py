"""The documented flow, walked as the vendor's own client walks it: real HTTP, a real queue, a worker process."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.conftest import Api

CARD = "walk"  # a queue of its own
FAKE_WORKER = Path(__file__).parents[1] / "inference" / "fake_worker.py"
PRODUCT = "gid://shopify/Product/1001"
UNWEARABLE = "gid://shopify/Product/1002"


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], redis_url: str, products: Path) -> Iterator[Api]:
    """The API with one worker, whose picture is the photograph with its first pixel changed."""
    api = start_api("weekly_limit = 100", env={"FITTING_ROOM_PRODUCTS": str(products), "FITTING_ROOM_CARD": CARD})
    command = [sys.executable, FAKE_WORKER, "--redis", redis_url, "--name", "walker", "--queues", CARD]
    command += [
        "--blobs",
        api.data / "blobs",
        "--log",
        api.data / "pictures.log",
        "--num-steps",
        "10",
        "--step-s",
        "0.05",
    ]
    worker = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        yield api
    finally:
        worker.kill()
        worker.wait()


@pytest.fixture
def client(api: Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((600, 500), 60).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def uploaded(client: httpx.Client) -> str:
    """The `fileId` of a photograph sent in the documented three steps."""
    prepared = client.post("/public/prepare-upload").json()
    assert set(prepared) == {"uploadUrl", "uploadKey"}
    headers = {"Content-Type": "application/octet-stream"}
    assert httpx.put(prepared["uploadUrl"], content=photograph(), headers=headers).status_code == 200
    completed = client.post("/public/upload-complete", json={"uploadKey": prepared["uploadKey"]}).json()
    assert set(completed) == {"fileId", "fileUrl", "message"}
    assert completed["message"] == "Image processed successfully"
    width, height = picture(completed["fileUrl"]).size
    assert width / height == pytest.approx(4 / 5, abs=0.01)
    return str(completed["fileId"])


def picture(url: str) -> Image.Image:
    reply = httpx.get(url)
    assert reply.status_code == 200
    return Image.open(io.BytesIO(reply.content))


def states_until_final(client: httpx.Client, job_id: str) -> list[dict[str, Any]]:
    """Every reply of a client that polls, faster than the documented 2 s."""
    told: list[dict[str, Any]] = []
    give_up_at = time.monotonic() + 30
    while time.monotonic() < give_up_at:
        told.append(client.get(f"/public/generation/{job_id}").json())
        if told[-1]["status"] in ("COMPLETED", "FAILED"):
            return told
        time.sleep(0.02)
    raise AssertionError(f"never final: {told[-1]}")


def test_a_shopper_gets_a_picture(client: httpx.Client) -> None:
    assert client.get("/public/check-credits").json() == {"allowed": True}
    wanted = {"userImageId": uploaded(client), "productId": PRODUCT}
    job = client.post("/public/fitting-room", json=wanted).json()
    assert re.fullmatch("gen_[0-9a-f]{32}", job["jobId"])
    assert job["message"] == "Generation job created successfully"
    told = states_until_final(client, job["jobId"])

    rank = ["PENDING", "PROCESSING", "COMPLETED"]
    order = [rank.index(state["status"]) for state in told]
    assert order == sorted(order)
    progress = [state["progress"] for state in told]
    assert progress == sorted(progress)
    done = told[-1]
    assert set(done) == {
        *("generationId", "status", "resultImageKey", "resultImageUrl", "progress", "createdAt", "updatedAt"),
    }
    assert (done["generationId"], done["status"], done["progress"]) == (job["jobId"], "COMPLETED", 1)
    assert datetime.fromisoformat(done["createdAt"]) <= datetime.fromisoformat(done["updatedAt"])
    assert picture(done["resultImageUrl"]).size == (400, 500)


def test_a_picture_tells_what_made_it(client: httpx.Client) -> None:
    wanted = {"userImageId": uploaded(client), "productId": PRODUCT, "approximations": {"guidanceInterval": [0, 0.5]}}
    done = states_until_final(client, client.post("/public/fitting-room", json=wanted).json()["jobId"])[-1]
    assert done["optimisations"] == [{"name": "guidance_interval", "exactness": "approximate", "error": 0.5}]


def test_the_result_url_is_signed_anew_on_each_poll_and_useless_when_altered(client: httpx.Client) -> None:
    job = client.post("/public/fitting-room", json={"userImageId": uploaded(client), "productId": PRODUCT}).json()
    first = states_until_final(client, job["jobId"])[-1]["resultImageUrl"]
    time.sleep(1.1)  # its time is signed in whole seconds
    second = client.get(f"/public/generation/{job['jobId']}").json()["resultImageUrl"]
    assert first != second
    assert httpx.get(first).content == httpx.get(second).content
    altered = httpx.get(second[:-3] + ("abc" if second[-3:] != "abc" else "xyz"))
    assert (altered.status_code, altered.json()["code"]) == (403, "LINK_INVALID")


def test_a_photograph_that_cannot_be_used_fails_with_a_sentence(client: httpx.Client) -> None:
    wanted = {"userImageId": uploaded(client), "productId": UNWEARABLE}
    failed = states_until_final(client, client.post("/public/fitting-room", json=wanted).json()["jobId"])[-1]
    assert (failed["status"], failed["errorCode"]) == ("FAILED", "PHOTO_UNUSABLE")
    assert failed["errorMessage"] == "Stand up straight."
    assert "resultImageUrl" not in failed


def test_events_follow_a_generation_to_its_picture(client: httpx.Client) -> None:
    job = client.post("/public/fitting-room", json={"userImageId": uploaded(client), "productId": PRODUCT}).json()
    with client.stream("GET", f"/public/generation/{job['jobId']}/events") as stream:
        lines = [line for line in stream.iter_lines() if line]
    assert lines[0] == "event: generation"
    assert '"status": "COMPLETED"' in lines[-1]
    assert "resultImageUrl" in lines[-1]


def test_a_running_generation_can_be_cancelled(client: httpx.Client) -> None:
    job = client.post("/public/fitting-room", json={"userImageId": uploaded(client), "productId": PRODUCT}).json()
    while client.get(f"/public/generation/{job['jobId']}").json()["status"] == "PENDING":
        time.sleep(0.01)
    assert client.delete(f"/public/generation/{job['jobId']}").status_code == 200
    ended = states_until_final(client, job["jobId"])[-1]
    assert (ended["status"], ended["errorCode"]) == ("FAILED", "CANCELLED")


def test_the_log_names_routes_without_tokens_and_photographs(client: httpx.Client, api: Api) -> None:
    photo = uploaded(client)
    assert "PUT /storage/{token} 200" in api.log
    assert "GET /public/generation/{generation_id} 200" in api.log
    assert "/storage/ey" not in api.log
    assert photo.rpartition("/")[2] not in api.log


def test_the_service_is_ready_once_a_worker_is(client: httpx.Client) -> None:
    reply = client.get("/health/ready")
    assert (reply.status_code, reply.json()["status"]) == (200, "ready")
