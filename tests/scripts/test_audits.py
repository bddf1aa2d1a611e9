"""The audits find what is planted, and say so when they cannot look."""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from scripts.audits import is_allowed, secrets, unlicensed, unsafe, vulnerable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLAW = {
    "id": "PYSEC-2026-1",
    "summary": "It lets strangers in.",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": "leaky", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


class Advisories(BaseHTTPRequestHandler):
    """Knows one flaw, of the package `leaky`."""

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": [FLAW]} if asked["package"]["name"] == "leaky" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def advisories() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def test_a_version_with_a_known_flaw_is_told_with_the_one_that_mends_it(advisories: str, tmp_path: Path) -> None:
    tested = tmp_path / "constraints.txt"
    tested.write_text("leaky==1.0\nsound==1.0\n")
    assert vulnerable(advisories, tested) == ["leaky 1.0: PYSEC-2026-1, mended in 1.1"]
    tested.write_text("sound==1.0\n")
    assert vulnerable(advisories, tested) == []


def test_where_nobody_can_be_asked_it_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert vulnerable("http://127.0.0.1:9/v1/query") == []
    assert capsys.readouterr().out == (
        "audits: 127.0.0.1 does not answer, so known vulnerabilities were not looked for\n"
    )


def test_a_secret_is_found_by_its_line_and_can_be_declared_none(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7" + "EXAMPLQ"
    (tmp_path / "notes.py").write_text(f'x = 1\nkey = "{key}"\n')
    (tmp_path / "known.py").write_text(f'key = "{key}"  # pragma: allowlist secret\n')
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (found,) = secrets(tmp_path)
    assert found.startswith("notes.py:2: looks like a secret (AWS Access Key)")
    assert key not in found


def test_what_unpickles_or_downloads_anything_is_found(tmp_path: Path) -> None:
    (tmp_path / "load.py").write_text("import torch\nweights = torch.load('x.pt')\n")
    (found,) = unsafe([str(tmp_path)])
    assert "B614" in found


@pytest.mark.parametrize(
    ("licence", "passes"),
    [
        ("MIT", True),
        ("MIT OR Apache-2.0", True),
        ("(MIT AND BSD-3-Clause) OR Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Apache Software License; BSD License", True),
        ("MIT AND GPL-3.0", False),
        ("GPL-3.0-or-later", False),
        ("UNKNOWN", False),
    ],
)
def test_every_part_of_a_licence_must_be_allowed(licence: str, passes: bool) -> None:
    allowed = ["MIT", "Apache-2.0", "BSD-3-Clause", "LLVM-exception", "Apache Software License", "BSD License"]
    assert is_allowed(licence, allowed) is passes


def test_all_that_is_installed_may_be_used() -> None:
    assert unlicensed() == []
