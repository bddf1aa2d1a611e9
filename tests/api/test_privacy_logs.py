"""Nothing that names a shopper, and nothing that opens anything, is in any log, whatever goes wrong."""

from __future__ import annotations

import base64
import io
import json
import logging
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image
from redis import Redis
from storefront import signed

from api.shopper import Caller, Shopper
from api.shops import OPEN_SHOP
from inference.jobs import Admission, GenerationRequest, SlidingLimit
from inference.scrubbing import Scrubbed, scrubbed
from scripts.soak.markers import Markers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Api

SHOP, SECRET = "planted.example", "the secret of the shop"
WORKER = Path(__file__).parents[1] / "inference" / "fake_worker.py"
WITHIN_S = 40
SOUND, RAISES, UNUSABLE = (f"gid://shopify/Product/{number}" for number in (0, 1, 2))


@pytest.fixture(scope="module")
def mishaps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Products in whose pictures' first pixel the tests' worker reads what is to go wrong."""
    folder, products = tmp_path_factory.mktemp("mishaps"), []
    for number in range(3):
        Image.new("RGB", (160, 200), (number, 9, 9)).save(folder / f"{number}.png")
        one = {"productId": f"gid://shopify/Product/{number}", "title": "Shirt", "category": "upper"}
        products.append(one | {"image": f"{number}.png"})
    (folder / "products.json").write_text(json.dumps({"products": products}))
    return folder


def photograph() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((160, 200), 30).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


class Visitor:
    """One who is all markers: every request carries each, and what comes back is planted too."""

    def __init__(self, api: Api, markers: Markers) -> None:
        self._api, self._markers, self._num_asked = api, markers, 0

    def ask(self, method: str, path: str, secret: str = SECRET, **options: Any) -> httpx.Response:
        query = signed(SHOP, secret, customer=self._markers["customer id"])
        self._num_asked += 1
        self._markers.plant(f"signed query {self._num_asked}", query)
        self._markers.plant(f"signature {self._num_asked}", query.rpartition("signature=")[2].partition("&")[0])
        headers = {
            "user-agent": self._markers["user agent"],
            "x-forwarded-for": self._markers["address"],
            "x-api-key": self._markers["API key"],
            "x-shopper-id": self._markers["e-mail"],
            "cookie": f"mail={self._markers['e-mail']}",
        } | options.pop("headers", {})
        return httpx.request(method, f"{self._api.url}{path}?{query}", headers=headers, timeout=30, **options)

    def send(self, content: bytes) -> httpx.Response:
        prepared = self.ask("POST", "/public/prepare-upload").json()
        token = prepared["uploadUrl"].rpartition("/")[2]
        self._markers.plant("upload's link", token)
        self._markers.plant("upload", prepared["uploadKey"])
        httpx.put(f"{self._api.url}/storage/{token}", content=content)
        return self.ask("POST", "/public/upload-complete", json={"uploadKey": prepared["uploadKey"]})

    def generate(self, photo: str, product: str) -> str:
        body = {"userImageId": photo, "productId": product}
        key = self._markers.plant("idempotency key", f"once-{self._markers['e-mail']}-{product[-1]}-{time.time_ns()}")
        reply = self.ask("POST", "/public/fitting-room", json=body, headers={"Idempotency-Key": key})
        return str(reply.json()["jobId"])

    def state(self, job: str) -> dict[str, Any]:
        give_up_at = time.monotonic() + WITHIN_S
        while (state := self.ask("GET", f"/public/generation/{job}").json())["status"] not in ("COMPLETED", "FAILED"):
            assert time.monotonic() < give_up_at, state
            time.sleep(0.1)
        return dict(state)


def test_a_whole_run_with_every_kind_of_failure_logs_nobody(
    start_api: Callable[..., Api], mishaps: Path, empty_redis_url: str, tmp_path: Path
) -> None:
    toml = f"""
        mode = "shopify"
        public_url = "https://try-on.example"
        products = "{mishaps}"
        [[shops]]
        domain = "{SHOP}"
        app_secret_envs = ["PLANTED_SECRET"]
        """
    api, markers = start_api(toml, env={"PLANTED_SECRET": SECRET}), Markers()
    visitor, blobs, log = Visitor(api, markers), api.data / "blobs", api.data / "worker.log"
    argv = [sys.executable, str(WORKER), "--redis", empty_redis_url, "--name", "worker", "--blobs", str(blobs)]
    with log.open("ab") as output:
        worker = subprocess.Popen([*argv, "--log", str(tmp_path / "runs.log")], stdout=output, stderr=output)
    try:
        photo = markers.plant("photograph", visitor.send(photograph()).json()["fileId"])
        markers.plant("identity", photo.split("/")[2])
        assert visitor.state(visitor.generate(photo, SOUND))["status"] == "COMPLETED"
        assert visitor.state(visitor.generate(photo, UNUSABLE))["errorCode"] == "PHOTO_UNUSABLE"
        assert visitor.state(visitor.generate(photo, RAISES))["errorCode"] == "INTERNAL"
        assert visitor.send(b"no picture").json()["code"] == "PHOTO_UNUSABLE"
        assert visitor.ask("GET", "/public/check-credits", secret="another").status_code == 401
        assert visitor.ask("POST", "/public/fitting-room", json={"userImageId": [markers["e-mail"]]}).status_code == 400
        for address in (markers["e-mail"], f"no address: {markers['e-mail']}"):
            assert "success" in visitor.ask("POST", "/public/collect-email", json={"email": address}).json()
        assert visitor.ask("GET", f"/public/{markers['e-mail']}").status_code == 404
        assert visitor.ask("GET", f"/public/generation/{markers['e-mail']}").status_code == 404

        # The store fails: a library's error says at which file.
        shutil.rmtree(blobs / "results")
        (blobs / "results").write_bytes(b"")
        assert visitor.state(visitor.generate(photo, SOUND))["errorCode"] == "INTERNAL"
        queued = visitor.send(photograph()).json()["fileId"]
        shutil.rmtree(blobs / "photos")
        (blobs / "photos").write_bytes(b"")
        assert visitor.send(photograph()).status_code == 503
        markers.plant("second photograph", queued)
        with Redis.from_url(empty_redis_url) as redis:  # what RQ's own tools show of a failure
            results = [fields for key in redis.scan_iter("rq:results:*") for _, fields in redis.xrange(key)]
        packed = [fields[b"exc_string"] for fields in results if b"exc_string" in fields]
        shown = b"".join(zlib.decompress(base64.b64decode(one)) for one in packed)
        assert b"Traceback" in shown
    finally:
        worker.terminate()
        worker.wait(20)
    written = api.log + log.read_text()
    assert written.count("Traceback") >= 3, "the failures were logged"
    assert f"/{SHOP}/" in written, "with what a library says"
    assert markers.leaks_in(api.log_file, log) == []
    assert markers.leaks_of(shown, "RQ's results") == []


@pytest.mark.parametrize(
    ("line", "left"),
    [
        (f"Object photos/a.example/{'a' * 64}/{'0' * 32}.jpg not found", "Object photos/[key] not found"),
        (f"/data/blobs/tmp/a.example/{'0' * 32}#1: denied", "/data/blobs/tmp/[key]: denied"),
        (f"WRONGTYPE fitting-room:limit:a.example:{'a' * 64}", "WRONGTYPE fitting-room:limit:a.example:[identity]"),
        ("GET /storage/abc.def-_g HTTP", "GET /storage/[token] HTTP"),
        ("?shop=a&logged_in_customer_id=77&signature=ab", "?shop=a&logged_in_customer_id=[hidden]&signature=[hidden]"),
        ("to ada.b+c@mail.example now", "to [e-mail] now"),
        ("generation gen_0f3a5b1c9d2e4f60718293a4b5c6d7e8 failed", None),
        ("/tmp/pytest-of-me/fr-x/redis.sock is away", None),
        ("results/a.example/gen_0f3a5b1c9d2e4f60718293a4b5c6d7e8.png", None),
        ("PUT /storage/{token} 200 1.0 ms", None),
        ("sha256 " + "a" * 64, None),
    ],
)
def test_the_net_takes_what_names_a_shopper_and_leaves_the_rest(line: str, left: str | None) -> None:
    assert scrubbed(line) == (line if left is None else left)


def test_the_net_reaches_tracebacks() -> None:
    try:
        raise OSError(f"photos/a.example/{'0' * 32}.jpg")
    except OSError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "it failed", None, sys.exc_info())
    line = Scrubbed(logging.Formatter("%(message)s")).format(record)
    assert "OSError: photos/[key]" in line
    assert "0000" not in line


def test_what_is_passed_around_does_not_show_whom_it_is_about() -> None:
    planted = "planted-marker"
    request = GenerationRequest("gen_1", "a.example", planted, planted, "g", "upper", "paperdoll", 1, mask_key=planted)
    limit = SlidingLimit(planted, 1, 1)
    for value in (request, limit, Admission("a.example", (limit,), 1, planted), Shopper(planted, planted)):
        assert planted not in repr(value)
    assert planted not in repr(Caller(OPEN_SHOP, planted))
