"""Erasing over HTTP and from the command line: all of one shopper's is gone, and nothing of another's is touched."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import io
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from redis import Redis
from remains import in_redis, in_store, mentioning

from api.secret import signing_key
from api.settings import Settings
from inference.erasing import Eraser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.blobs import BlobStore
    from tests.api.conftest import Api

SHOP, OTHER_SHOP = "a.example", "b.example"
SHIRT, UNWEARABLE = "gid://shopify/Product/1001", "gid://shopify/Product/1002"
WORKER = Path(__file__).parents[1] / "inference" / "fake_worker.py"
WITHIN_S = 30


def photograph(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((160, 200), 20 + number).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {WITHIN_S} s: {what}"
        time.sleep(0.02)


@dataclass
class Shopper:
    """Someone of an `api_key` shop, what they have here, and by which names it goes."""

    api: Api
    name: str
    shop: str = SHOP
    photographs: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {"x-api-key": f"key of {self.shop}", "x-shopper-id": self.name}

    @property
    def identity(self) -> str:
        key = signing_key(Settings(data=self.api.data), "identities")
        return hmac.new(key, f"{self.shop}\0customer\0{self.name}".encode(), hashlib.sha256).hexdigest()

    @property
    def names(self) -> list[str]:
        return [self.identity, *self.photographs, *self.uploads, *self.jobs]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = self.headers | options.pop("headers", {})
        return httpx.request(method, self.api.url + path, headers=headers, timeout=30, **options)

    def prepare(self) -> dict[str, str]:
        prepared = self.ask("POST", "/public/prepare-upload").json()
        path = urlsplit(prepared["uploadUrl"]).path  # the public address is none of this machine's
        httpx.put(self.api.url + path, content=photograph(len(self.photographs))).raise_for_status()
        return prepared

    def leave_an_upload(self) -> None:
        self.uploads.append(self.prepare()["uploadKey"])

    def upload(self, **consent: str) -> str:
        body = {"uploadKey": self.prepare()["uploadKey"]} | consent
        self.photographs.append(self.ask("POST", "/public/upload-complete", json=body).json()["fileId"])
        return self.photographs[-1]

    def generate(self, product: str = SHIRT, photo: str = "", key: str = "") -> str:
        body = {"userImageId": photo or self.photographs[0], "productId": product}
        headers = {"Idempotency-Key": key} if key else {}
        reply = self.ask("POST", "/public/fitting-room", json=body, headers=headers).json()
        assert "jobId" in reply, reply
        self.jobs.append(reply["jobId"])
        return self.jobs[-1]

    def state(self, job: str) -> str:
        return str(self.ask("GET", f"/public/generation/{job}").json().get("status", "GONE"))

    def erase(self) -> dict[str, Any]:
        reply = self.ask("DELETE", "/public/me")
        assert reply.status_code == 200, reply.text
        found = reply.json()
        return {"photographs": found["photographs"], "generations": found["generations"]}


@dataclass
class Fixed:
    """An API process with two shops, and workers that are started when a test wants them."""

    api: Api
    redis: Redis
    redis_url: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def blobs(self) -> BlobStore:
        return self.api.blobs

    @property
    def worker_log(self) -> Path:
        return self.api.data / "worker.log"

    @property
    def noted(self) -> list[str]:
        return (self.api.data / "runs.log").read_text().splitlines()

    def start_worker(self, **options: object) -> subprocess.Popen[bytes]:
        named = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        name = f"worker-{len(self.workers)}-{time.monotonic_ns()}"
        argv = [sys.executable, str(WORKER), "--redis", self.redis_url, "--name", name, *named]
        argv += ["--blobs", str(self.api.data / "blobs"), "--log", str(self.api.data / "runs.log")]
        with self.worker_log.open("ab") as log:
            self.workers.append(subprocess.Popen(argv, stdout=log, stderr=log))
        return self.workers[-1]

    def stop_workers(self) -> None:
        for worker in self.workers:
            worker.terminate()
            worker.wait(20)
        self.workers.clear()

    def until_ended(self, *shoppers: Shopper) -> None:
        def ended() -> bool:
            return all(one.state(job) in ("COMPLETED", "FAILED", "GONE") for one in shoppers for job in one.jobs)

        until(ended, "every generation ended")

    def remains(self, names: list[str]) -> dict[str, bytes]:
        """What mentions one of these names, anywhere."""
        return mentioning(in_redis(self.redis) | in_store(self.blobs), names)

    def run(self, *arguments: str) -> dict[str, Any]:
        """A command of the service on its settings; the last line that it prints."""
        (settings,) = self.api.data.glob("settings-*.toml")
        env = os.environ | {"FITTING_ROOM_SETTINGS": str(settings), "FITTING_ROOM_DATA": str(self.api.data)}
        env |= {"REDIS_URL": self.redis_url} | KEYS
        argv = [sys.executable, "-m", "scripts.cli", *arguments]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout.splitlines()[-1]))


KEYS = {"KEY_A": f"key of {SHOP}", "KEY_B": f"key of {OTHER_SHOP}"}


@pytest.fixture(scope="module")
def api(start_api: Callable[..., Api], products: Path) -> Api:
    toml = f"""
        mode = "api_key"
        public_url = "https://try-on.example"
        products = "{products}"
        [[shops]]
        domain = "{SHOP}"
        api_key_envs = ["KEY_A"]
        [[shops]]
        domain = "{OTHER_SHOP}"
        api_key_envs = ["KEY_B"]
        """
    return start_api(toml, env=KEYS)


@pytest.fixture
def fixed(api: Api, empty_redis_url: str) -> Iterator[Fixed]:
    for kind in ("photos", "results", "tmp"):
        api.blobs.erase(kind)
    with contextlib.suppress(FileNotFoundError):
        (api.data / "runs.log").unlink()
    with Redis.from_url(empty_redis_url) as redis:
        fixed = Fixed(api, redis, empty_redis_url)
        yield fixed
        for worker in fixed.workers:
            worker.kill()
            worker.wait()


def furnished(fixed: Fixed, *shoppers: Shopper) -> None:
    """Each has photographs, an upload, generations that completed, failed, and wait, and used idempotency keys."""
    for one in shoppers:
        one.upload()
        one.upload(consentVersion="2026-11", consentGivenAt="2026-11-24T10:00:00Z")
        one.leave_an_upload()
        one.generate(key=f"once-{one.name}")
        one.generate(UNWEARABLE)
        one.generate(photo=one.photographs[1])
    fixed.start_worker()
    fixed.until_ended(*shoppers)
    fixed.stop_workers()
    for one in shoppers:
        one.generate(key=f"again-{one.name}")


def unplaced(remains: dict[str, bytes], shared: list[str]) -> dict[str, bytes]:
    """Each by itself, but for the places of those that wait: they move up when others leave."""
    places = re.compile(rb"\(b'(slot|turn)', b'[^']*'\)")
    return {key: places.sub(b"", value) for key, value in remains.items() if key not in shared}


def test_after_an_erasure_nothing_mentions_the_shopper_and_nothing_of_others_has_changed(fixed: Fixed) -> None:
    ada, bert, cleo = (Shopper(fixed.api, name) for name in ("ada-0123456789", "bert-0123456789", "cleo-0123456789"))
    dora = Shopper(fixed.api, ada.name, OTHER_SHOP)  # the same name at another shop is somebody else
    furnished(fixed, ada, bert, cleo, dora)
    assert not fixed.remains([ada.name, bert.name]), "only hashes are kept"
    others = [name for one in (bert, cleo) for name in one.names] + dora.names
    before = fixed.remains(others)
    shared = [key for key in before if mentioning({key: before[key]}, ada.names)]
    assert len(fixed.remains(ada.names)) >= 15, "a test of nothing"
    quota = {key: fixed.redis.get(key) for key in fixed.redis.scan_iter("fitting-room:quota:*")}

    assert ada.erase() == {"photographs": 3, "generations": 4}

    assert not fixed.remains(ada.names)
    after = fixed.remains(others)
    assert unplaced(before, shared) == unplaced(after, shared)
    for key in shared:  # lists and registries of everybody: they have lost hers alone
        assert [name for name in others if name.encode() in before[key]] == [
            name for name in others if name.encode() in after[key]
        ]
    assert [one.state(one.jobs[0]) for one in (ada, bert, dora)] == ["GONE", "COMPLETED", "COMPLETED"]
    left = {key: fixed.redis.get(key) for key in fixed.redis.scan_iter("fitting-room:quota:*")}
    # What waited is given back, what was made stays counted.
    mine = next(key for key in quota if SHOP in key.decode())
    assert left == quota | {mine: str(int(quota[mine]) - 1).encode()}

    assert ada.erase() == {"photographs": 0, "generations": 0}
    assert ada.generate(photo=bert.photographs[0], key=f"once-{ada.name}") not in ada.jobs[:-1]


def test_no_folder_is_left_that_names_the_shopper(fixed: Fixed) -> None:
    ada = Shopper(fixed.api, "ada-0123456789")
    ada.upload()
    ada.leave_an_upload()
    ada.erase()
    assert not [path for path in (fixed.api.data / "blobs").rglob("*") if ada.identity in str(path)]


def test_the_commands_tell_and_erase_what_is_held_of_a_customer(fixed: Fixed) -> None:
    ada, bert = Shopper(fixed.api, "ada-0123456789"), Shopper(fixed.api, "bert-0123456789")
    for one in (ada, bert):
        one.upload(consentVersion="2026-11", consentGivenAt="2026-11-24T12:00:00+02:00")
        one.leave_an_upload()
        one.generate()
    fixed.redis.delete(f"fitting-room:kept:{SHOP}:{ada.identity}")  # the commands look at every record
    whose = ("--shop", SHOP, "--customer", ada.name)

    told = fixed.run("export", *whose)
    assert [(one["id"], one["consent"]) for one in told["photographs"]] == [
        (ada.photographs[0], {"version": "2026-11", "given_at": "2026-11-24T10:00:00Z"})
    ]
    assert [(one["id"], one["status"]) for one in told["generations"]] == [(ada.jobs[0], "queued")]
    assert [one["id"] for one in told["uploads"]] == ada.uploads

    erased = fixed.run("erase", *whose)
    assert (erased["photographs"], erased["uploads"], erased["generations"]) == (1, 1, 1)
    assert not any(fixed.run("erase", *whose).values())
    assert not fixed.remains([ada.identity, *ada.photographs, *ada.jobs])
    assert fixed.run("export", *whose) == {"photographs": [], "uploads": [], "generations": []}
    assert fixed.run("erase", "--shop", SHOP, "--all")["generations"] == 1
    assert not fixed.remains(bert.names)


def test_a_photograph_completed_while_its_shopper_is_erased_is_not_kept(fixed: Fixed) -> None:
    ada = Shopper(fixed.api, "ada-0123456789")
    prepared = ada.prepare()
    eraser = Eraser(fixed.redis, fixed.blobs)
    eraser.shopper(SHOP, ada.identity)
    reply = ada.ask("POST", "/public/upload-complete", json={"uploadKey": prepared["uploadKey"]})
    assert reply.json()["code"] == "UPLOAD_NOT_FOUND"
    assert not in_store(fixed.blobs) or all(key.startswith("garments/") for key in in_store(fixed.blobs))
