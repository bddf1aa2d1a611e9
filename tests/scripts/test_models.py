"""What is said of checkpoints: `fitting-room models`, and `doctor` where one is not here."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from models.catalog import LicenceError, card_names, read_card
from models.files.records import Record, write_record
from scripts.cli import made
from scripts.options import settings_with
from scripts.workers import worker_argvs

ROOT = Path(__file__).parents[2]


def fitting_room(*words: str, **variables: str) -> Result:
    """In this process, as torch takes seconds to import."""
    unset: dict[str, str | None] = {name: None for name in os.environ if name.startswith(("FITTING_ROOM", "REDIS"))}
    return CliRunner().invoke(made(words), words, env=unset | variables)


def own_card(folder: Path) -> Path:
    """A card of the paper doll's family, without a hash, whose file is to come from a hub."""
    text = (ROOT / "models/cards/paperdoll.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("folder", "size", "sha256"))]
    path = folder / "mine.toml"
    path.write_text("\n".join(['repository = "acme/doll"', *lines, "size = 13000000"]))
    return path


def test_models_lists_every_card_with_what_it_costs_and_may_be_used_for(tmp_path: Path) -> None:
    said = fitting_room("models", FITTING_ROOM_DATA=str(tmp_path), FITTING_ROOM_ACCEPTED_LICENCES="[]")
    assert said.exit_code == 0, said.stderr
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
        narrow = fitting_room("doctor", COLUMNS="60", **variables)
        assert "…" not in narrow.stdout
        return said.exit_code, json.loads(said.stdout.splitlines()[-1])["missing"], said.stdout

    status, missing, said = found()
    assert (status, missing) == (1, ["weights"])
    assert f"{folder}/paperdoll.safetensors is missing" in said
    assert f"fitting-room fetch {path}" in said

    folder.mkdir(parents=True)
    (folder / "paperdoll.safetensors").write_bytes(b"whole")
    record = Record(5, hashlib.sha256(b"whole").hexdigest(), "acme/doll", "main", "c0ffee", "paperdoll.safetensors")
    write_record(folder, "paperdoll.safetensors", record)
    assert found()[:2] == (0, [])

    (folder / "paperdoll.safetensors").write_bytes(b"wrong")
    status, missing, said = found()
    assert (status, missing) == (1, ["weights"])
    assert "paperdoll.safetensors has another SHA-256 than it should" in said

    (folder / "paperdoll.safetensors").write_bytes(b"half")
    status, missing, said = found()
    assert (status, missing) == (1, ["weights"])
    assert "has 4 bytes instead of 5" in said


def test_doctor_tells_which_optional_helpers_are_not_there_and_is_content(tmp_path: Path) -> None:
    path, folder = own_card(tmp_path), tmp_path / "weights" / "mine"
    path.write_text('optional_helpers = ["dwpose", "fashn-human-parser"]\n' + path.read_text())
    folder.mkdir(parents=True)
    (folder / "paperdoll.safetensors").write_bytes(b"whole")
    record = Record(5, hashlib.sha256(b"whole").hexdigest(), "acme/doll", "main", "c0ffee", "paperdoll.safetensors")
    write_record(folder, "paperdoll.safetensors", record)
    said = fitting_room("doctor", COLUMNS="400", FITTING_ROOM_DATA=str(tmp_path), FITTING_ROOM_CARD=str(path))
    assert said.exit_code == 0
    assert "optional and not fetched: dwpose" in said.stdout
    assert "left out, as their licences are not accepted: fashn-human-parser" in said.stdout


@pytest.mark.parametrize("words", [("worker",), ("worker", "--name", "one"), ("serve",), ("fetch", "catvton-mix")])
def test_a_restricted_card_is_refused_with_the_part_that_restricts_it(words: tuple[str, ...], tmp_path: Path) -> None:
    said = fitting_room(*words, FITTING_ROOM_DATA=str(tmp_path), FITTING_ROOM_CARD="catvton-mix")
    assert isinstance(said.exception, LicenceError)
    assert "its code (CC-BY-NC-SA-4.0) and its weights (CC-BY-NC-SA-4.0)" in str(said.exception)
    assert "--accept-licence catvton-mix" in str(said.exception)


def test_an_accepted_licence_reaches_the_workers(tmp_path: Path) -> None:
    settings = settings_with(card="catvton-mix", data=tmp_path, accepted_licences=["catvton-mix", "A licence"])
    [argv] = worker_argvs(settings, ["cuda:0"], None)
    assert [argv[index + 1] for index, word in enumerate(argv) if word == "--accept-licence"] == [
        "catvton-mix",
        "A licence",
    ]
