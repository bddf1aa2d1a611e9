"""The examples of docs/clients.md and of `examples/` do what they say, through a storefront's app proxy."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

if TYPE_CHECKING:
    from app_proxy import AppProxy

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "clients.md").read_text()
LOCAL = "http://127.0.0.1:8000"
NODE = shutil.which("node")
FIGURE = ROOT / "api" / "static" / "samples" / "figures" / "ada.png"

needs_node = pytest.mark.skipif(NODE is None, reason="there is no node on this machine (Debian: apt install nodejs)")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def run(*argv: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(argv, capture_output=True, check=False, cwd=ROOT, timeout=200)


def is_of_the_figure(picture: Path) -> bool:
    """As the service crops it to 4:5."""
    with Image.open(picture) as made, Image.open(FIGURE) as figure:
        return made.size == (figure.width, figure.width * 5 // 4)


def node(storefront: AppProxy, photo: Path, product: str) -> tuple[int, bytes, str]:
    done = run(NODE or "", "examples/javascript/cli.mjs", storefront.address, str(photo), product)
    return done.returncode, done.stdout, done.stderr.decode()


def test_the_python_example_runs(storefront: AppProxy, tmp_path: Path) -> None:
    worn = tmp_path / "worn.png"
    program = block("python").replace(LOCAL, storefront.address).replace('"worn.png"', repr(str(worn)))
    done = run(sys.executable, "-c", program)
    assert done.returncode == 0, done.stderr
    assert b"COMPLETED 1.0" in done.stdout
    assert is_of_the_figure(worn)


@needs_node
def test_the_command_of_the_javascript_example_runs(storefront: AppProxy, tmp_path: Path) -> None:
    worn = tmp_path / "worn.png"
    command = block("bash").replace(LOCAL, storefront.address).replace("worn.png", str(worn))
    done = run("bash", "-c", command)
    assert done.returncode == 0, done.stderr
    assert b"COMPLETED 100 %" in done.stderr
    assert is_of_the_figure(worn)


@needs_node
def test_the_javascript_example_says_why_there_is_no_picture(
    storefront: AppProxy, used_up: AppProxy, tmp_path: Path
) -> None:
    (tmp_path / "me.gif").write_bytes(b"GIF89a")
    refused = {
        "This file is a GIF.": node(storefront, tmp_path / "me.gif", "gid://shopify/Product/1001"),
        "Product not found": node(storefront, FIGURE, "gid://shopify/Product/999"),
        "This week's try-ons are used up.": node(used_up, FIGURE, "gid://shopify/Product/1001"),
    }
    for sentence, (code, picture, said) in refused.items():
        assert (code, picture) == (1, b"")
        assert said.startswith(sentence)
        assert said.count("\n") == 1


@needs_node
def test_a_service_that_is_away_is_one_sentence_too() -> None:
    done = run(NODE or "", "examples/javascript/cli.mjs", "http://127.0.0.1:1", str(FIGURE), "gid://shopify/Product/1")
    assert (done.returncode, done.stderr) == (1, b"The fitting room is away for a moment. Please try again.\n")


def test_the_examples_stay_short() -> None:
    assert len((ROOT / "examples/javascript/try-on.mjs").read_text().splitlines()) < 120


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?://)([^)#]+)", PAGE))))
def test_every_link_leads_somewhere(target: str) -> None:
    assert (ROOT / "docs" / target).exists()
