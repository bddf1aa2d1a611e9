"""A real Chromium before a real API process, with a Redis and a worker process of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright
from shopper import DESKTOP, fresh
from theme_store import ThemeStore

from inference.redis_server import RedisServer
from scripts.bench.live.stack import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
API = "from api.server import run_api; from api.settings import load_settings; run_api(load_settings())"
REAL_WORKER = [sys.executable, "-m", "scripts.cli", "worker", "--device", "cpu", "--name", "real"]
AXE = Path(__file__).parents[2] / "shopify" / "node_modules" / "axe-core" / "axe.min.js"
TAILOR = Path(__file__).with_name("tailor.py")
START_S = 60
SECRET = "hush"
DOMAINS: dict[str, dict[str, Any]] = {
    "open.myshopify.com": {},
    "week.myshopify.com": {"weekly_limit": 1},
    "month.myshopify.com": {"monthly_quota": 0},
    "mail.invalid": {"shopify_client_id": "client-id"},  # nobody answers at its Admin API
}


@dataclass(frozen=True, slots=True)
class Shop:
    """A running service of these tests: `url` of the page, `data` folder with its pictures."""

    url: str
    data: Path


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red shirt in two versions, a black coat that no worker can put on, and two figures."""
    folder = tmp_path_factory.mktemp("products")
    for name, colour in {"red": "crimson", "blue": "royalblue", "black": "black"}.items():
        Image.new("RGB", (300, 400), colour).save(folder / f"{name}.png")
    (folder / "figures").mkdir()
    for name, colour in {"ada": "tan", "ben": "sienna"}.items():
        figure = Image.new("RGB", (480, 600), "lightsteelblue")
        ImageDraw.Draw(figure).ellipse((180, 60, 300, 200), fill=colour)
        figure.save(folder / f"figures/{name}.png")
    versions = [
        {"variantId": "gid://shopify/ProductVariant/11", "title": "Red"},
        {"variantId": "gid://shopify/ProductVariant/12", "title": "Blue", "image": "blue.png"},
    ]
    shirt = {"productId": "gid://shopify/Product/1", "title": "Shirt", "image": "red.png", "category": "upper"}
    coat = {"productId": "gid://shopify/Product/2", "title": "Coat", "image": "black.png", "category": "upper"}
    listed = {"products": [shirt | {"variants": versions}, coat]}
    (folder / "products.json").write_text(json.dumps(listed))
    return folder


@pytest.fixture(scope="session")
def open_shop(products: Path) -> Iterator[Callable[..., Shop]]:
    """open_shop(**settings) -> a running service with these settings, a worker and a data folder of its own.

    The worker is a tailor who takes `step_s` a step, or `real`: the one that ships, on the CPU.
    """
    with contextlib.ExitStack() as stack:

        def start(*, step_s: float = 0.02, real: bool = False, **settings: str) -> Shop:
            data = Path(tempfile.mkdtemp(prefix="frb-"))  # short: a socket's path is limited to 107 bytes
            stack.callback(shutil.rmtree, data, ignore_errors=True)
            redis = stack.enter_context(RedisServer(data))
            own = {"port": "0", "data": str(data), "products": str(products), "redis_url": redis.url} | settings
            env = {name: value for name, value in os.environ.items() if not name.startswith("FITTING_ROOM_")}
            env |= {f"FITTING_ROOM_{name.upper()}": value for name, value in own.items()} | {"PYTHONPATH": "."}
            log = data / "api.log"
            stack.enter_context(_process([sys.executable, "-c", API], env, log))
            tailor = [sys.executable, str(TAILOR), redis.url, f"file://{data}/blobs", str(step_s)]
            stack.enter_context(_process(REAL_WORKER if real else tailor, env, data / "worker.log"))
            url = _address(log)
            _until_ready(url, data / "worker.log")
            return Shop(url, data)

        yield start


@contextlib.contextmanager
def _process(argv: list[str], env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, env=env, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(log: Path) -> str:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        if found := re.search(r"running on (http://\S+)", log.read_text()):
            return found.group(1)
        time.sleep(0.05)
    raise AssertionError(f"The API did not start:\n{log.read_text()}")


def _until_ready(url: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_S
    while time.monotonic() < give_up_at:
        if httpx.get(f"{url}/health/ready").is_success:
            return
        time.sleep(0.05)
    raise AssertionError(f"The worker did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop(weekly_limit="1000")


@pytest.fixture(scope="module")  # not longer: while Playwright is open, no async test can run in this process
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> Callable[[Page], list[Any]]:
    """axe(page) -> what axe-core finds wrong in the page as it is: rules, with the elements that break them."""
    if not AXE.exists():
        pytest.skip("axe-core is missing (install Node.js 18 or newer, then run scripts/setup dev)")

    def find(page: Page) -> list[Any]:
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run().then(({ violations }) => violations)")
        return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]

    return find


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    with chromium.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True) as context:
        context.set_default_timeout(15_000)
        yield context


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Iterator[Page]:
    """The demo page, loaded; the test fails when anything was written to its console."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(shop.url)
    page.locator("#products .tile").first.wait_for()
    yield page
    # Chromium reports each refused request by itself; what refusals look like is the tests' business.
    assert not [text for text in complaints if not text.startswith("Failed to load resource")]


@pytest.fixture(scope="session")
def stores(open_shop: Callable[..., Shop], products: Path) -> Iterator[dict[str, ThemeStore]]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("THE_APP_SECRET", SECRET)
        stores = {domain: stack.enter_context(ThemeStore(domain, SECRET)) for domain in DOMAINS}
        shops = [
            {"domain": domain, "app_secret_envs": ["THE_APP_SECRET"], "origins": [stores[domain].origin]} | special
            for domain, special in DOMAINS.items()
        ]
        limits = {"weekly_limit": "1000", "upload_limit": "1000"}
        port = str(free_port())
        service = open_shop(
            step_s=0.05,
            mode="shopify",
            public_url=f"http://127.0.0.1:{port}",
            port=port,
            shops=json.dumps(shops),
            **limits,
        )
        for store in stores.values():
            store.service, store.data = service.url, service.data
            store.pages = {f"/{path.name}": path for path in products.glob("*.png")}
        yield stores


@pytest.fixture
def store(stores: dict[str, ThemeStore]) -> ThemeStore:
    return fresh(stores["open.myshopify.com"])


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """visit(store, path, **options of a context) -> the page; the test fails when its console tells of an error."""
    complaints: list[str] = []
    with contextlib.ExitStack() as stack:

        def go(store: ThemeStore, path: str = "/products/shirt", **options: Any) -> Page:
            context = stack.enter_context(chromium.new_context(**(DESKTOP | {"accept_downloads": True} | options)))
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(store.origin + path)
            return page

        yield go
    # Chromium reports each refused request by itself; what refusals look like is the tests' business.
    assert not [text for text in complaints if "Failed to load resource" not in text]
