"""`fitting-room serve` as a person runs it: one command, the whole contract, kills, one Ctrl-C."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 60.0
PICTURE_WITHIN_S = 60.0


@dataclass
class Service:
    """A running `serve` and where it answers."""

    process: subprocess.Popen[str]
    url: str
    data: Path

    def pids(self, words: str) -> set[int]:
        """Processes of this service whose command line holds `words`."""
        found = set()
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if str(self.data) in line and words in line:
                    found.add(int(folder.name))
        return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("a folder")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FITTING_ROOM", "REDIS"))}
    options = ["--port", "0", "--data", str(data), "--device", "cpu", "--card", "paperdoll"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", "serve", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if match := re.match(r"Open (http://\S+)", line):
            break
    else:
        pytest.fail("serve did not start:\n" + "".join(said))
    yield Service(process, match[1], data)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(60)
    finally:
        process.kill()


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as opened:
        yield opened


def eventually(what: Callable[[], Any], within_s: float = STARTS_WITHIN_S) -> Any:
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        try:
            if found := what():
                return found
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def upload(client: httpx.Client) -> str:
    figure = sorted((ROOT / "api/static/samples/figures").glob("*.png"))[0]
    place = client.post("/public/prepare-upload").json()
    assert httpx.put(place["uploadUrl"], content=figure.read_bytes(), trust_env=False).is_success
    reply = client.post("/public/upload-complete", json={"uploadKey": place["uploadKey"]})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["fileId"])


def submit(client: httpx.Client, photo: str) -> str:
    products = client.get("/products.json").json()
    product = (products["products"] if isinstance(products, dict) else products)[0]
    reply = client.post("/public/fitting-room", json={"userImageId": photo, "productId": product["productId"]})
    assert reply.json()["message"] == "Generation job created successfully"
    return str(reply.json()["jobId"])


def picture(client: httpx.Client, job: str) -> Image.Image:
    def ended() -> dict[str, Any] | None:
        reply: dict[str, Any] = client.get(f"/public/generation/{job}").json()
        return reply if reply["status"] in ("COMPLETED", "FAILED") else None

    generation = eventually(ended, PICTURE_WITHIN_S)
    assert generation["status"] == "COMPLETED", generation
    opened = Image.open(io.BytesIO(client.get(generation["resultImageUrl"]).content))
    opened.load()
    return opened


def test_a_photograph_and_a_product_become_a_picture_of_the_photographs_size(client: httpx.Client) -> None:
    made = picture(client, submit(client, upload(client)))
    assert made.width / made.height == pytest.approx(0.8, abs=0.01)
    assert min(made.size) >= 400


@pytest.mark.parametrize("part", ["scripts.cli worker", "scripts.cli api", "redis"])
def test_a_killed_part_comes_back_and_nothing_is_lost(service: Service, client: httpx.Client, part: str) -> None:
    photo = upload(client)
    jobs = [submit(client, photo) for _ in range(2)]
    time.sleep(1.1)  # the append-only file is on disk within a second
    victims = service.pids(part) or service.pids("valkey") or service.pids("appendonly")
    assert victims
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    eventually(lambda: client.get("/health/ready").is_success)
    for job in jobs:
        picture(client, job)


needs_tools = pytest.mark.skipif(not (shutil.which("jq") and shutil.which("curl")), reason="it needs curl and jq")


def walk(service: Service) -> str:
    """The README's, against this service."""
    found = re.search(r"<!-- walk -->\n```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1].replace("http://127.0.0.1:8000", service.url).replace("@api/", f"@{ROOT}/api/")


@needs_tools
def test_the_readmes_walk_through_the_contract_makes_a_picture(service: Service, tmp_path: Path) -> None:
    strict = ["bash", "-euo", "pipefail", "-c", walk(service)]
    subprocess.run(strict, cwd=tmp_path, check=True, timeout=PICTURE_WITHIN_S)
    Image.open(tmp_path / "worn.png").verify()


@needs_tools
def test_the_readmes_walk_ends_where_no_generation_is_created(service: Service, tmp_path: Path) -> None:
    pasted = ["bash", "-c", walk(service).replace("Product/1001", "Product/9")]
    subprocess.run(pasted, cwd=tmp_path, check=False, timeout=PICTURE_WITHIN_S)
    assert json.loads((tmp_path / "generation.json").read_text())["code"].endswith("NOT_FOUND")


def test_a_second_serve_on_the_same_folder_is_refused_in_a_sentence(service: Service) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "scripts.cli", "serve", "--port", "0", "--data", str(service.data)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert said.returncode == 2
    assert "already uses" in said.stderr
    assert "Traceback" not in said.stderr


def test_ctrl_c_ends_everything(service: Service) -> None:
    assert service.pids("")
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(60) == 0
    assert service.pids("") == set()
