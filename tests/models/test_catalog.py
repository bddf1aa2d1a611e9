"""Model cards, read without torch, and the gate of their licences."""

from __future__ import annotations

import logging
import pkgutil
from pathlib import Path

import pytest

from models.base import TryOnFamily
from models.catalog import (
    FAMILIES,
    HELPERS,
    JUDGES,
    CardError,
    LicenceError,
    ModelCard,
    card_names,
    load_card,
    read_card,
)
from models.preprocess.helpers import SLOTS

CATEGORIES = {"upper", "lower", "overall"}

CARD = """
title = "Mine"
family = "paperdoll"
description = "A card of somebody's own."
height = 64
width = 48
num_inference_steps = 2
categories = ["upper"]
precision = "float16"
repository = "acme/doll"
{fields}

[licence]
code = "MIT"
weights = "CC-BY-NC-4.0"
base = "OpenRAIL-M"
commercial = "{commercial}"
reason = "Its pictures were for research."
restricted = {restricted}

[[files]]
path = "net.safetensors"
size = 3
"""


def write_card(
    folder: Path, commercial: str = "yes", restricted: str = "[]", fields: str = "", name: str = "mine"
) -> str:
    path = folder / f"{name}.toml"
    path.write_text(CARD.format(commercial=commercial, restricted=restricted, fields=fields))
    return str(path)


@pytest.mark.parametrize("name", card_names())
def test_every_card_that_ships_is_whole(name: str) -> None:
    card = read_card(name, accepted=[name])
    licence = card.licence
    assert all((card.title, card.description, card.files, licence.code, licence.weights, licence.reason))
    assert all(licence.restrictions.values())
    assert not card.helpers or licence.helpers
    assert all(file.size > 0 for file in card.files)
    assert {len(file.sha256) for file in card.files} <= {0, 64}
    assert card.is_helper or card.tflop_per_picture > 0
    if card.is_shipped:
        assert all((card.folder / file.path).stat().st_size == file.size for file in card.files)


@pytest.mark.parametrize("name", card_names())
def test_every_card_that_ships_fits_its_family(name: str) -> None:
    card = read_card(name)
    made = pkgutil.resolve_name({**FAMILIES, **HELPERS, **JUDGES}[card.family])
    assert all(helper.is_helper for helper in (*card.helpers, *card.optional_helpers))
    if card.is_helper:
        assert card.family in {*SLOTS, *JUDGES}
        return
    assert issubclass(made, TryOnFamily)
    assert set(card.categories) <= made.categories <= CATEGORIES
    assert set(card.prompts) <= set(card.categories)
    assert not ("prompt" in card.needs and not card.prompts)


def test_the_default_on_a_gpu_ships_and_may_be_sold() -> None:
    card = load_card("fashn-vton-1.5")
    assert card.licence.commercial == "yes"
    assert [helper.licence.commercial for helper in card.helpers] == ["yes"]


def test_a_weights_folder_is_used_for_the_cards_that_it_holds(tmp_path: Path) -> None:
    assert load_card("paperdoll", tmp_path).folder == load_card("paperdoll").folder
    (tmp_path / "paperdoll").mkdir()
    assert load_card("paperdoll", tmp_path).folder == tmp_path / "paperdoll"


@pytest.mark.parametrize("name", ["nobody", "", "../cards/paperdoll"])
def test_an_unknown_card_is_answered_with_the_known_ones(name: str) -> None:
    with pytest.raises(CardError, match=r"Known cards: .*paperdoll"):
        load_card(name)


def test_what_mends_a_card_depends_on_where_its_files_lie(tmp_path: Path) -> None:
    (tmp_path / "paperdoll").mkdir()
    assert "git checkout" in load_card("paperdoll").mending
    assert str(tmp_path) in load_card("paperdoll", tmp_path).mending
    assert load_card("fashn-vton-1.5", tmp_path).mending.endswith("fitting-room fetch fashn-vton-1.5")
    own = write_card(tmp_path, name="my own")
    assert load_card(own, tmp_path).mending.endswith(f"fitting-room fetch '{own}'")
    bound = read_card("catvton-mix", tmp_path)
    assert bound.mending.endswith("fitting-room fetch catvton-mix --accept-licence catvton-mix")


def test_a_card_of_ones_own_has_its_files_name_and_a_folder_of_the_weights(tmp_path: Path) -> None:
    card = load_card(write_card(tmp_path), tmp_path / "weights")
    assert (card.name, card.folder) == ("mine", tmp_path / "weights" / "mine")
    own = load_card(write_card(tmp_path, fields='folder = "files"'), tmp_path / "weights")
    assert own.folder == tmp_path / "files"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('title = "Mine"', ""), "title is missing"),
        (('title = "Mine"', 'titel = "Mine"'), "titel is not a field"),
        (("height = 64", 'height = "tall"'), "height must be a whole number, not 'tall'"),
        (("height = 64", "height = 0"), "height, width, num_inference_steps and categories are required"),
        (('precision = "float16"', 'precision = "int8"'), "precision must be one of"),
        (('family = "paperdoll"', 'family = "dolls"'), "unknown family 'dolls'"),
        (('"acme/doll"', '"https://hub/acme/doll"'), "repository must be organisation/name"),
        (('code = "MIT"', ""), "licence.code is missing"),
        (('commercial = "yes"', 'commercial = "maybe"'), "licence.commercial must be yes, no or grey"),
        (("restricted = []", 'restricted = ["weights"]'), "licence.restricted"),
        (("restricted = []", "price = 3"), "licence.price is not a field"),
        (("size = 3", ""), "files.size is missing"),
        (('"net.safetensors"', '"../net.safetensors"'), "files.path must lie below the card's folder"),
        (('"net.safetensors"', '"/net.safetensors"'), "files.path must lie below the card's folder"),
        (('"net.safetensors"', '"./"'), "files.path must be another name than './'"),
        (('"net.safetensors"', '"a/.partial/net"'), "files.path must be another name than 'a/.partial/net'"),
        (('"net.safetensors"', '"fetched.json"'), "files.path must be another name than 'fetched.json'"),
        (("size = 3", 'size = 3\nsource = "../../../etc/passwd"'), "files.source must lie in the repository"),
        (("size = 3", 'size = 3\nsource = "/etc/passwd"'), "files.source must lie in the repository"),
        (("size = 3", 'size = 3\nsha256 = "ABC"'), "files.sha256 must be 64 lowercase hex digits or nothing"),
        (("size = 3", 'size = 3\n[[files]]\npath = "net.safetensors"\nsize = 4'), "several with the path net.safet"),
        (("[[files]]", "[[loras]]"), "files is missing"),
        (
            ("size = 3", 'size = 3\n[[loras]]\nfile = "other.safetensors"'),
            "loras name files that the card does not list",
        ),
        (("height = 64", "height = "), "at line"),
        (('categories = ["upper"]', 'categories = ["tops"]'), "categories knows upper, lower, overall, not tops"),
        (('categories = ["upper"]', 'categories = "upper"'), "categories must be a list of texts, not 'upper'"),
        (("height = 64", "height = 64\nguidance_scale = nan"), "guidance_scale must be a number from 0 up"),
        (("height = 64", "height = 64\nguidance_scale = -1"), "guidance_scale must be a number from 0 up"),
        (("height = 64", 'height = 64\nhelpers = ["paperdoll"]'), "prepare pictures, which paperdoll does not"),
        (("height = 64", "height = 64\nnetwork = 3"), "network must be a table that [network] begins, not 3"),
        (("height = 64", 'height = 64\nloras = ["x"]'), "loras must be tables that [[loras]] begins"),
        (('"net.safetensors"', '"net-00002-of-00003.safetensors"'), "files lacks net-00001-of-00003.safetensors"),
    ],
)
def test_a_malformed_card_is_told_by_its_field(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = Path(write_card(tmp_path))
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(CardError, match=r"The model card .*mine\.toml is malformed") as caught:
        load_card(str(path))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="cannot be read: No such file"):
        load_card(str(tmp_path / "mine.toml"))


def test_a_restricted_card_loads_only_when_it_is_accepted_by_name(tmp_path: Path) -> None:
    card = write_card(tmp_path, "no", '["weights"]')
    with pytest.raises(LicenceError) as caught:
        load_card(card)
    for part in ("its weights (CC-BY-NC-4.0)", "Its pictures were for research.", "--accept-licence mine"):
        assert part in str(caught.value)
    assert "base" not in str(caught.value)
    for accepted in ("mine", "CC-BY-NC-4.0"):
        assert isinstance(load_card(card, accepted=[accepted]), ModelCard)
    with pytest.raises(LicenceError):
        load_card(card, accepted=["MIT", "other"])


def test_every_restricted_licence_must_be_accepted(tmp_path: Path) -> None:
    card = write_card(tmp_path, "no", '["weights", "base"]')
    with pytest.raises(LicenceError, match=r"its weights \(CC-BY-NC-4\.0\) and its base \(OpenRAIL-M\)"):
        load_card(card, accepted=["CC-BY-NC-4.0"])
    load_card(card, accepted=["CC-BY-NC-4.0", "OpenRAIL-M"])


def test_a_grey_licence_loads_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_card(write_card(tmp_path, "grey"))
    assert "mine: whether it may be used commercially is unclear: Its pictures were for research." in caplog.text


def test_a_needed_helpers_licence_counts_and_an_optional_one_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    helper = Path(write_card(tmp_path, "no", '["weights"]', name="helper"))
    helper.write_text(helper.read_text().replace("paperdoll", "dwpose"))
    needing = write_card(tmp_path, fields='helpers = ["helper.toml"]')
    with pytest.raises(LicenceError, match="helper may not be used commercially"):
        load_card(needing)
    assert [one.name for one in load_card(needing, accepted=["helper"]).helpers] == ["helper"]
    using = write_card(tmp_path, fields='optional_helpers = ["helper.toml"]', name="using")
    with caplog.at_level(logging.INFO):
        assert load_card(using).optional_helpers == ()
    assert "using works without helper, whose licence is not accepted" in caplog.text
    assert [one.name for one in load_card(using, accepted=["CC-BY-NC-4.0"]).optional_helpers] == ["helper"]
