"""API processes of their own, over real HTTP and the session's Redis."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image

from inference.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
WATCHED = "watched"  # the card of `service`, a queue of its own
SUPPORT = ROOT / "tests" / "support"
COMMAND = "from api.server import run_api; from api.settings import load_settings; run_api(load_settings())"
WITH_STAND_IN = f"import sys; sys.path.append({str(SUPPORT)!r}); from shopify_served import serve; serve()"
START_S = 30


@dataclass(frozen=True, slots=True)
class Api:
    """One running process; `log` is what it wrote so far."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path
    data: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def blobs(self) -> BlobStore:
        return BlobStore.open(f"file://{self.data}/blobs")

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


@pytest.fixture(scope="session")
def start_api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Api]]:
    """start_api(toml, env=...) -> a running API process with these settings and a data folder of its own."""
    with contextlib.ExitStack() as stack:

        def start(
            toml: str = "", *, env: dict[str, str] | None = None, data: Path | None = None, command: str = COMMAND
        ) -> Api:
            folder = data or tmp_path_factory.mktemp("api")
            return stack.enter_context(running_api(folder, toml, {"REDIS_URL": redis_url} | (env or {}), command))

        yield start


@dataclass(frozen=True, slots=True)
class Service:
    """An API and one worker, each a process of its own, with what they wrote so far."""

    api: Api
    worker_log_file: Path

    @property
    def worker_log(self) -> str:
        return self.worker_log_file.read_text()


@pytest.fixture(scope="session")
def watched_api(start_api: Callable[..., Api], products: Path) -> Api:
    return start_api("weekly_limit = 1000", env={"FITTING_ROOM_PRODUCTS": str(products), "FITTING_ROOM_CARD": WATCHED})


@pytest.fixture(scope="module")
def service(watched_api: Api, redis_url: str) -> Iterator[Service]:
    """Its worker's picture is the photograph with its first pixel changed; it ends with the module: others count."""
    with running_worker(watched_api, redis_url) as log_file:
        yield Service(watched_api, log_file)


@contextlib.contextmanager
def running_worker(api: Api, redis_url: str, card: str = WATCHED, env: dict[str, str] | None = None) -> Iterator[Path]:
    """A worker that serves `card` for `api`; its log."""
    log_file = api.data / "worker.log"
    command = [sys.executable, ROOT / "tests" / "inference" / "fake_worker.py", "--redis", redis_url]
    command += ["--name", f"{card}-worker", "--queues", card, "--blobs", api.data / "blobs"]
    command += ["--log", api.data / "pictures.log", "--num-steps", "10", "--step-s", "0.02"]
    with log_file.open("wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | (env or {}))
    try:
        yield log_file
    finally:
        worker.terminate()
        worker.wait(20)


@contextlib.contextmanager
def running_api(data: Path, toml: str, extra: dict[str, str], command: str) -> Iterator[Api]:
    settings = data / f"settings-{time.monotonic_ns()}.toml"
    settings.write_text(toml)
    log_file = settings.with_suffix(".log")
    env = {name: value for name, value in os.environ.items() if not name.startswith("FITTING_ROOM_")} | extra
    env |= {"FITTING_ROOM_SETTINGS": str(settings), "FITTING_ROOM_DATA": str(data), "FITTING_ROOM_PORT": "0"}
    with log_file.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", command], env=env, stderr=log, stdout=log)
    try:
        yield Api(_address(process, log_file), process, log_file, data)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log_file: Path) -> str:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at and process.poll() is None:
        if found := re.search(r"running on (http://\S+)", log_file.read_text()):
            return found.group(1)
        time.sleep(0.05)
    raise AssertionError(f"The API did not start:\n{log_file.read_text()}")


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a product that has a variant, and one that the tests' worker finds no photograph usable with."""
    folder = tmp_path_factory.mktemp("products")
    Image.new("RGB", (160, 200), "teal").save(folder / "shirt.png")
    Image.new("RGB", (160, 200), (2, 0, 0)).save(folder / "unwearable.png")
    variants = [{"variantId": "gid://shopify/ProductVariant/2001", "title": "Teal"}]
    common = {"title": "Shirt", "category": "upper"}
    shirt = common | {"productId": "gid://shopify/Product/1001", "image": "shirt.png", "variants": variants}
    unwearable = common | {"productId": "gid://shopify/Product/1002", "image": "unwearable.png"}
    (folder / "products.json").write_text(json.dumps({"products": [shirt, unwearable]}))
    return folder
