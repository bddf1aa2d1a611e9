"""What is said of checkpoints: `fitting-room models`, and `doctor` where one is not here."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from models.catalog import card_names, read_card
from models.files.records import Record, write_record

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


def own_card(folder: Path) -> Path:
    """A card of the paper doll's family, without a hash, whose file is to come from a hub."""
    text = (ROOT / "models/cards/paperdoll.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("folder", "size", "sha256"))]
    path = folder / "mine.toml"
    path.write_text("\n".join(['repository = "acme/doll"', *lines, "size = 13000000"]))
    return path


def test_models_lists_every_card_with_what_it_costs_and_may_be_used_for(tmp_path: Path) -> None:
    said = fitting_room("models", FITTING_ROOM_DATA=str(tmp_path), FITTING_ROOM_ACCEPTED_LICENCES="[]")
    assert said.returncode == 0, said.stderr
    told = {card["card"]: card for card in json.loads(said.stdout.splitlines()[-1])["models"]}
    assert set(told) == set(card_names())
    assert (told["paperdoll"]["fetched"], told["fashn-vton-1.5"]["fetched"]) == (True, False)
    table = said.stdout.splitlines()[:-1]
    for name in card_names():
        card, [row] = read_card(name), [line.split() for line in table if line.split()[0] == name]
        assert row[-1] == ("yes" if told[name]["fetched"] else "no")
        assert card.licence.commercial in row
        assert set(" ".join(card.needs).split()) <= {word.strip(",") for word in row}
        assert card.is_helper or str(card.num_inference_steps) in row


def test_doctor_names_the_file_that_is_missing_or_damaged_and_the_command(tmp_path: Path) -> None:
    path, folder = own_card(tmp_path), tmp_path / "weights" / "mine"
    variables = {"FITTING_ROOM_DATA": str(tmp_path), "FITTING_ROOM_CARD": str(path)}

    def found() -> tuple[int, list[str], str]:
        said = fitting_room("doctor", COLUMNS="400", **variables)
        return said.returncode, json.loads(said.stdout.splitlines()[-1])["missing"], said.stdout

    status, missing, said = found()
    assert (status, missing) == (1, ["weights"])
    assert f"{folder}/paperdoll.safetensors is missing" in said
    assert f"fitting-room fetch {path}" in said

    folder.mkdir(parents=True)
    (folder / "paperdoll.safetensors").write_bytes(b"whole")
    record = Record(5, hashlib.sha256(b"whole").hexdigest(), "acme/doll", "main", "c0ffee", "paperdoll.safetensors")
    write_record(folder, "paperdoll.safetensors", record)
    assert found()[:2] == (0, [])

    (folder / "paperdoll.safetensors").write_bytes(b"half")
    status, missing, said = found()
    assert (status, missing) == (1, ["weights"])
    assert "has 4 bytes instead of 5" in said
