"""The command line, as people meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def fitting_room(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FITTING_ROOM", "REDIS"))}
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment | variables,
    )


def test_the_command_line_starts_without_torch() -> None:
    # The supervisor and the API run from here: a model's libraries would cost each of them a gigabyte.
    code = "import sys, scripts.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("command", ["serve", "api", "worker", "tryon", "evaluate", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    said = fitting_room(command, "--help")
    assert said.returncode == 0
    assert "Usage" in said.stdout


def test_doctor_finds_nothing_missing_here(tmp_path: Path) -> None:
    said = fitting_room("doctor", FITTING_ROOM_DATA=str(tmp_path))
    assert json.loads(said.stdout.splitlines()[-1]) == {"ok": True, "missing": []}
    assert said.returncode == 0


def test_doctor_names_an_unreachable_redis_and_the_fix(tmp_path: Path) -> None:
    said = fitting_room("doctor", FITTING_ROOM_DATA=str(tmp_path), REDIS_URL=f"unix://{tmp_path}/nobody.sock")
    assert said.returncode == 1
    assert json.loads(said.stdout.splitlines()[-1])["missing"] == ["Redis"]
    assert "REDIS_URL" in said.stdout


def test_doctor_ready_fails_where_nothing_runs(tmp_path: Path) -> None:
    said = fitting_room("doctor", "--ready", FITTING_ROOM_DATA=str(tmp_path))
    assert said.returncode == 1
    assert "scripts/serve" in said.stdout


@pytest.mark.parametrize(
    ("words", "variables", "sentence"),
    [
        (("api", "--host", "0.0.0.0"), {}, "open mode listens only on loopback"),
        (("api",), {"FITTING_ROOM_PROT": "1"}, "Did you mean FITTING_ROOM_PORT?"),
        (("worker", "--card", "nobody"), {}, "There is no model card 'nobody'"),
        (("worker", "--name", "one", "--device", "cuda:99"), {}, "There is no CUDA device for 'cuda:99'"),
        (("worker", "--device", "tpu"), {}, "--device takes cpu, cuda, cuda:0 or cuda:0,1"),
        (("api",), {"REDIS_URL": "redis://127.0.0.1:1"}, "does not answer"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    words: tuple[str, ...], variables: dict[str, str], sentence: str, redis_url: str, tmp_path: Path
) -> None:
    said = fitting_room(*words, **({"REDIS_URL": redis_url, "FITTING_ROOM_DATA": str(tmp_path)} | variables))
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert sentence in " ".join(said.stderr.replace("│", " ").split())
