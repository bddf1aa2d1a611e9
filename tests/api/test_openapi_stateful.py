"""schemathesis follows the links of /openapi.json in every mode, a worker behind it: no 500, nothing undocumented."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from api.contract import PHOTO_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.api.conftest import Api

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"
COMMON = 'public_url = "https://try.example"\nweekly_limit = 1000000\nupload_limit = 1000000\n'
SHOP = '[[shops]]\ndomain = "open.localhost"\nmonthly_quota = 1000000\n'
MODES = {
    "open": COMMON + SHOP,
    "api_key": f'mode = "api_key"\n{COMMON}{SHOP}api_key_envs = ["THE_SECRET"]',
    "shopify": f'mode = "shopify"\n{COMMON}{SHOP}app_secret_envs = ["THE_SECRET"]',
}
SECRET = "of the only shop"
KEY = ("--header=x-api-key: of the only shop", "--header=x-shopper-id: 7")


@pytest.fixture(scope="module")
def served(start_api: Callable[..., Api], redis_url: str, products: Path) -> Iterator[Callable[[str], Api]]:
    """A running API of a mode, with a worker of its own whose pictures take no time."""
    running: dict[str, tuple[Api, subprocess.Popen[bytes]]] = {}

    def serve(mode: str) -> Api:
        if mode not in running:
            card = f"stateful-{mode}"
            env = {"FITTING_ROOM_PRODUCTS": str(products), "FITTING_ROOM_CARD": card, "THE_SECRET": SECRET}
            api = start_api(MODES[mode], env=env)
            buffer = io.BytesIO()
            Image.new("RGB", (160, 200), "teal").save(buffer, "JPEG")
            api.blobs.put(PHOTO_ID, buffer.getvalue())
            command = [sys.executable, "tests/inference/fake_worker.py", "--redis", redis_url, "--name", card]
            command += ["--queues", card, "--step-s", "0", "--blobs", str(api.data / "blobs")]
            running[mode] = api, subprocess.Popen([*command, "--log", str(api.data / "pictures.log")], cwd=ROOT)
        return running[mode][0]

    yield serve
    for _, worker in running.values():
        worker.kill()
        worker.wait()


def explore(api: Api, folder: Path, num_examples: int, headers: tuple[str, ...], secret: str | None) -> None:
    """Run schemathesis, which fails when it finds anything."""
    config = folder / "schemathesis.toml"
    hooks = f'hooks = "{SUPPORT / "schemathesis_hooks.py"}"'
    lenient = [
        f'[[operations]]\ninclude-path = "/public/{name}"\nchecks.positive_data_acceptance.enabled = false'
        for name in ("upload-image", "upload-complete", "fitting-room", "collect-email")  # as no schema says
    ]
    stateful = f"[phases.stateful.generation]\nmax-examples = {10 * num_examples}"
    config.write_text("\n".join([hooks, stateful, *lenient]))
    # A cancelled generation's record stays, bodies are made to name what exists, and the proxy forwards any query.
    excluded = ["use_after_free", "negative_data_rejection"]
    run = subprocess.run(
        (
            *(sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run", f"{api.url}/openapi.json"),
            *("--phases=fuzzing,stateful", f"--max-examples={num_examples}", "--generation-deterministic"),
            *("--suppress-health-check=all", "--no-color", "--request-timeout=20", *headers),
            *("--include-path-regex=^/(public|storage|health)", f"--exclude-checks={','.join(excluded)}"),
        ),
        env=os.environ
        | {"PYTHONPATH": f"{SUPPORT}:{ROOT}", "SIGNING_SHOP": "open.localhost", "SIGNING_SECRET": secret or ""},
        capture_output=True,
        text=True,
        timeout=900,
        cwd=folder,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]


VISITORS = [
    pytest.param("open", (), None, id="open"),
    pytest.param("api_key", KEY, None, id="with a key"),
    pytest.param("api_key", (), None, id="without a key", marks=pytest.mark.slow),
    pytest.param("shopify", (), SECRET, id="signed"),
    pytest.param("shopify", (), "made up", id="forged"),
    pytest.param("shopify", (), None, id="unsigned", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("mode", "headers", "secret"), VISITORS)
def test_whatever_follows_whatever_is_documented(
    served: Callable[[str], Api], tmp_path: Path, mode: str, headers: tuple[str, ...], secret: str | None
) -> None:
    explore(served(mode), tmp_path, 3, headers, secret)


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.parametrize(("mode", "headers", "secret"), VISITORS)
def test_whatever_follows_whatever_at_length(
    served: Callable[[str], Api], tmp_path: Path, mode: str, headers: tuple[str, ...], secret: str | None
) -> None:
    explore(served(mode), tmp_path, int(os.environ.get("SCHEMATHESIS_EXAMPLES", "300")), headers, secret)
