"""The command line, as people meet it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scripts.cli import COMMANDS, made
from scripts.devices import parse_devices
from scripts.options import FITTING_ROOM, GPU_CARD, settings_with
from scripts.workers import worker_argvs

ROOT = Path(__file__).parents[2]


def fitting_room(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FITTING_ROOM", "REDIS"))}
    return subprocess.run(
        [sys.executable, "-m", "scripts.cli", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment | {"FITTING_ROOM_CARD": "paperdoll"} | variables,
    )


def test_the_command_line_starts_without_torch() -> None:
    # The supervisor and the API run from here: a model's libraries would cost each of them a gigabyte.
    code = "import sys, scripts.cli; scripts.cli.made([]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("family", ["fashn_vton", "paperdoll"])
def test_a_worker_starts_without_libraries_that_its_family_has_no_use_for(family: str) -> None:
    names = "{'diffusers', 'peft', 'scipy'}"
    code = f"import sys, inference.engine, models.{family}.family; print(*{names} & {{*sys.modules}})"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert said.stdout.split() == []


@pytest.mark.parametrize("command", COMMANDS)
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


@pytest.mark.parametrize("words", [("doctor",), ("doctor", "--ready")])
def test_doctor_names_an_address_of_redis_that_is_none(words: tuple[str, ...], tmp_path: Path) -> None:
    said = fitting_room(*words, FITTING_ROOM_DATA=str(tmp_path), REDIS_URL="localhost:6379")
    assert (said.returncode, said.stderr) == (1, "")
    assert json.loads(said.stdout.splitlines()[-1])["missing"] == ["Redis"]


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
        (("api",), {"REDIS_URL": "localhost:6379"}, "The address of Redis cannot be read"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    words: tuple[str, ...], variables: dict[str, str], sentence: str, redis_url: str, tmp_path: Path
) -> None:
    said = fitting_room(*words, **({"REDIS_URL": redis_url, "FITTING_ROOM_DATA": str(tmp_path)} | variables))
    assert said.returncode == 2
    assert "Traceback" not in said.stderr
    assert sentence in " ".join(said.stderr.replace("│", " ").split())


def test_a_module_in_the_current_folder_takes_no_ones_place(tmp_path: Path) -> None:
    for name in ("models", "api", "scripts", "inference"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hijacked')")
    said = subprocess.run([*FITTING_ROOM, "--help"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize(
    ("listed", "visible", "devices"),
    [
        (0, None, ["cpu"]),
        (2, None, ["cuda:0", "cuda:1"]),
        (2, "1", ["cuda:0"]),
        (2, "", ["cpu"]),
        (2, "-1", ["cpu"]),
        (1, "0,1", ["cuda:0"]),
    ],
)
def test_the_default_is_every_gpu_that_is_visible(
    listed: int, visible: str | None, devices: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(listed, tmp_path, monkeypatch)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert parse_devices(None) == devices


def pretend_gpus(count: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that lists this many."""
    driver = folder / "nvidia-smi"
    driver.write_text("#!/bin/sh\n" + "".join(f"echo 'GPU {index}: a card'\n" for index in range(count)))
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_default_card_is_photographic_where_there_is_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FITTING_ROOM_CARD", raising=False)
    pretend_gpus(0, tmp_path, monkeypatch)
    assert settings_with().card == "paperdoll"
    pretend_gpus(1, tmp_path, monkeypatch)
    assert settings_with().card == GPU_CARD
    assert settings_with(device="cuda:0").card == GPU_CARD
    assert settings_with(device="cpu").card == "paperdoll"
    assert settings_with(card="paperdoll").card == "paperdoll"
    monkeypatch.setenv("FITTING_ROOM_CARD", "leffa-vitonhd")
    assert settings_with().card == "leffa-vitonhd"


def test_tryon_on_the_cpu_of_a_machine_with_a_gpu_is_the_small_card_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpus(1, tmp_path, monkeypatch)
    monkeypatch.delenv("FITTING_ROOM_CARD", raising=False)
    figure, worn = "api/static/samples/figures/ada.png", tmp_path / "worn.png"
    told = CliRunner().invoke(
        made(["tryon"]), ["tryon", figure, figure, "-o", str(worn), "--device", "cpu", "--steps", "1"]
    )
    assert json.loads(told.output.strip().splitlines()[-1])["card"] == "paperdoll"
    assert worn.is_file()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--category", "hat", "-o", "worn.png"), "'upper', 'lower', 'overall'"),
        (("-o", "nowhere/worn.png"), "There is no folder nowhere for the picture"),
        (("-o", "docs"), "'docs' is a directory"),
        (("-o", "worn.png", "--mask", "README.md"), "README.md: This file is not a picture"),
        (
            ("-o", "worn.png", "--card", "leffa-vitonhd"),
            "with --mask, or run fitting-room fetch fashn-human-parser --accept-licence fashn-human-parser and add "
            "--accept-licence fashn-human-parser here.",
        ),
        (
            ("-o", "worn.png", "--card", "leffa-vitonhd", "--accept-licence", "fashn-human-parser"),
            "with --mask, or run fitting-room fetch fashn-human-parser --accept-licence fashn-human-parser.",
        ),
    ],
)
def test_tryon_says_at_once_what_it_cannot_do(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    figure = "api/static/samples/figures/ada.png"
    said = fitting_room("tryon", figure, figure, *words, FITTING_ROOM_WEIGHTS=str(tmp_path))
    assert said.returncode == 2
    assert sentence in " ".join(said.stderr.replace("│", " ").split())


def test_serve_names_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = fitting_room("serve", "--port", "0", "--data", str(tmp_path / "file"))
    assert said.returncode == 2
    assert "cannot be made" in said.stderr
    assert "Traceback" not in said.stderr


def test_one_command_runs_one_worker_a_gpu() -> None:
    settings = settings_with(card="paperdoll")

    def devices(*asked: str, num_workers: int | None = None) -> list[str]:
        argvs = worker_argvs(settings, list(asked), num_workers)
        return [argv[argv.index("--device") + 1] for argv in argvs]

    assert devices("cuda:0", "cuda:1", "cuda:2") == ["cuda:0", "cuda:1", "cuda:2"]
    assert devices("cuda:0", "cuda:1", num_workers=3) == ["cuda:0", "cuda:1", "cuda:0"]
