"""The container files cannot be built everywhere; what they name must exist, and they must lint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from api.settings import ENV_PREFIX, FILE_VARIABLE, Settings, load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile.gpu"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]


def test_the_dockerfile_lints_clean() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint
    said = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout


def test_everything_the_dockerfile_copies_exists() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert {"pyproject.toml", "constraints.txt", "api", "inference", "models", "scripts"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_builder_is_sent_what_the_image_copies_and_nothing_of_its_operator() -> None:
    ignored, *let_in = (ROOT / ".dockerignore").read_text().split("\n")[1:]
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    assert ignored == "*"
    assert {line[1:] for line in let_in if line.startswith("!")} == set(" ".join(copied).split())


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no repository here")
@pytest.mark.parametrize("path", [".env", "fitting-room.toml", "weights/card/model.safetensors", "data/secret"])
def test_what_an_operator_puts_beside_the_code_is_never_committed(path: str) -> None:
    assert subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0


def test_the_image_holds_every_package_that_is_installed() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    for pattern in patterns:
        package = pattern.removesuffix("*")
        assert f"COPY {package} {package}\n" in DOCKERFILE.read_text()


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert users
    assert users[-1].partition(":")[0] not in ("root", "0")


def test_what_the_image_brings_belongs_to_root() -> None:
    text = DOCKERFILE.read_text()
    assert "--chown" not in text
    assert text.index("USER ") > max(text.rindex("COPY "), text.rindex("RUN "))


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_no_container_can_write_its_image_or_gain_a_right(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].partition(":")[0]) > 0
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(service)


@pytest.mark.parametrize("name", OURS)
def test_what_a_container_writes_has_a_place(name: str) -> None:
    """Its data, its weights and temporary files; everything else of it is read-only."""
    service = COMPOSE["services"][name]
    mounts = {volume.split(":")[1]: volume.split(":")[2:] for volume in service["volumes"]}
    assert mounts == {"/etc/fitting-room.toml": ["ro"], "/data": [], "/weights": []}
    declared = dict(re.findall(r"(\w+)=(\S+)", DOCKERFILE.read_text()))
    written = {declared["FITTING_ROOM_DATA"], declared["HOME"], service["environment"]["FITTING_ROOM_WEIGHTS"]}
    assert written == {"/data", "/tmp", "/weights"}
    assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]


def test_only_the_api_is_reached_from_outside_and_no_host_folder_but_ours_is_seen() -> None:
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["api"]
    sources = {volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service["volumes"]}
    assert sources == {"./fitting-room.toml", "./weights", "data", "redis"}


def unknown_options(command: str, *words: str) -> list[str]:
    """Those of `words` that look like options and that `command` does not have."""
    said = subprocess.run(
        [sys.executable, "-m", "scripts.cli", command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return [word for word in words if word.startswith("--") and word not in said.stdout]


def test_the_commands_of_the_dockerfile_exist() -> None:
    written = re.findall(r"^(?:HEALTHCHECK .*)?(?:CMD|ENTRYPOINT) (\[.*\])$", DOCKERFILE.read_text(), re.MULTILINE)
    health, entry, default = map(json.loads, written)
    assert entry == ["fitting-room"]
    assert unknown_options(*default) == []
    assert health[0] == "fitting-room"
    assert unknown_options(*health[1:]) == []


@pytest.mark.parametrize("name", OURS)
def test_commands_and_files_of_compose_exist(name: str) -> None:
    service = COMPOSE["services"][name]
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert unknown_options(*service["command"]) == []


@pytest.mark.parametrize("name", OURS)
def test_variables_of_compose_are_settings(name: str) -> None:
    known = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields} | {FILE_VARIABLE, "REDIS_URL", "HOME"}
    assert set(COMPOSE["services"][name]["environment"]) <= known


def test_the_example_settings_start(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "fitting-room.example.toml").read_text()
    for variable in re.findall(r"EXAMPLE_\w+", text):
        monkeypatch.setenv(variable, "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    monkeypatch.setenv(FILE_VARIABLE, str(ROOT / "fitting-room.example.toml"))
    settings = load_settings()
    assert settings.mode == "shopify"
    assert [shop.domain for shop in settings.shops] == ["example.myshopify.com"]
