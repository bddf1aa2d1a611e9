"""The pages of models/README.md do what they say: each is run as it stands, on small checkpoints and a hub near by."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hub import Hub
from PIL import Image as Pillow
from safetensors.torch import load_file, save
from typer.testing import CliRunner

from models.catalog import ModelCard, load_card
from models.files.fetching import fetch
from scripts.checkpoints.fashn_vton import small_card
from scripts.cli import made

ROOT = Path(__file__).parents[2]
README = (ROOT / "models" / "README.md").read_text()
BLOCK = re.compile(r"<!-- (\w+): (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)
BLOCKS = {(kind, name): text for kind, name, text in BLOCK.findall(README)}
SAMPLES = ROOT / "api" / "static" / "samples"


def test_every_link_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / "models" / target.partition("#")[0]).exists()] == []


def toml(value: Any) -> str:
    """JSON is TOML, for what a card holds, but for its tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def write_card(card: ModelCard, path: Path, repository: str) -> None:
    fields = {"title": card.title, "family": card.family, "description": card.description, "repository": repository}
    for name in ("height", "width", "num_inference_steps", "guidance_scale", "categories", "needs", "network"):
        fields[name] = getattr(card, name)
    licence = {"code": "MIT", "weights": "MIT", "commercial": "yes", "reason": "Random numbers."}
    lines = [f"{name} = {toml(value)}" for name, value in fields.items()] + [
        'revision = "main"',
        f"licence = {toml(licence)}",
    ]
    lines += [f'[[files]]\npath = "{file.path}"\nsize = {file.size}' for file in card.files]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder like this repository's, where the default card is a small one, with two pictures to try."""
    (tmp_path / "checkpoint").mkdir()
    write_card(small_card(tmp_path / "checkpoint"), tmp_path / "models/cards/fashn-vton-1.5.toml", "fashn-ai/fashn")
    for name, sample in (("person", "figures/ada"), ("garment", "products/breton-top-navy")):
        with Pillow.open(SAMPLES / f"{sample}.png") as picture:
            picture.resize((135, 180)).save(tmp_path / f"{name}.png")
    return tmp_path


def run(script: str, folder: Path, hub: Hub) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FITTING_ROOM", "HF_", "REDIS"))}
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(folder / "hf"),
        "FITTING_ROOM_DATA": str(folder / "data"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    said = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def test_swapping_a_checkpoint_makes_its_pictures(shop: Path) -> None:
    content = (shop / "checkpoint/model.safetensors").read_bytes()
    with Hub() as hub:
        hub.publish("acme/knitwear", {"model.safetensors": content})
        said = run(BLOCKS["run", "swap"], shop, hub)
    assert json.loads(said.splitlines()[-1])["card"] == "knitwear"
    assert (shop / "data/weights/knitwear/model.safetensors").read_bytes() == content
    with Pillow.open(shop / "worn.png") as worn:
        assert worn.size == (135, 180)


def test_adding_a_lora_changes_the_pictures_and_fetches_no_base_again(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = (shop / "checkpoint/model.safetensors").read_bytes()
    name = next(key for key in load_file(shop / "checkpoint/model.safetensors") if key.endswith("linear1.weight"))
    weight = load_file(shop / "checkpoint/model.safetensors")[name]
    module, (num_out, num_in) = name.removesuffix(".weight"), weight.shape
    lora = {f"{module}.lora_A.weight": torch.ones(2, num_in), f"{module}.lora_B.weight": torch.ones(num_out, 2)}
    page, card = BLOCKS["run", "lora"], "models/cards/fashn-vton-1.5.toml"
    (shop / "mirror/fashn-ai/fashn").mkdir(parents=True)
    (shop / "mirror/fashn-ai/fashn/model.safetensors").write_bytes(base)
    monkeypatch.chdir(shop)
    fetch(load_card(card, shop / "data/weights"), shop / "mirror")
    tryon = page.splitlines()[-1].replace("worn.png", "plain.png").replace("./denim.toml", card)
    words = shlex.split(tryon)[1:]
    environment = {"FITTING_ROOM_DATA": str(shop / "data"), "CUDA_VISIBLE_DEVICES": ""}
    said = CliRunner().invoke(made(words), words, env=environment)
    assert said.exit_code == 0, said.output
    with Hub() as hub:
        hub.publish("fashn-ai/fashn", {"model.safetensors": base})
        hub.publish("acme/denim-lora", {"pytorch_lora_weights.safetensors": save(lora)})
        run(page, shop, hub)
        assert hub.num_bytes_sent == len(save(lora))
    assert (shop / "data/weights/denim/loras/denim.safetensors").read_bytes() == save(lora)
    assert (shop / "plain.png").read_bytes() != (shop / "worn.png").read_bytes()


def test_a_family_that_is_added_keeps_the_laws(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("api", "inference", "models", "scripts", "tests/support"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for name in ("tests/conftest.py", "tests/models/conftest.py", "tests/models/test_laws.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for (kind, name), text in BLOCKS.items():
        if kind == "file":
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
    (tmp_path / "models/sketch/__init__.py").touch()
    insert(tmp_path / "models/registry.py", "FAMILIES = {\n", BLOCKS["row", "models/registry.py"])
    insert(tmp_path / "tests/models/test_laws.py", "CHECKPOINTS = (", '"sketch", ')
    command = BLOCKS["run", "family"].split()
    assert command[0] == "scripts/test"
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *command[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout
    assert int(re.findall(r"(\d+) passed", said.stdout)[0]) > 10


def insert(path: Path, after: str, text: str) -> None:
    assert path.read_text().count(after) == 1
    path.write_text(path.read_text().replace(after, after + text))
