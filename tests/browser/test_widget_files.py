"""What ships of the widget: one small script, the same in both places, in words that every language has."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.contract import BlockCause, BlockCode
from inference.jobs import ErrorCode

ROOT = Path(__file__).parents[2]
SHOPIFY = ROOT / "shopify"
EXTENSION = SHOPIFY / "extensions" / "fitting-room"
SERVED = ROOT / "api" / "static" / "fitting-room.js"
LARGEST = 25_000  # bytes, as it travels
LOCALES = sorted((EXTENSION / "locales").glob("*.json"))


@pytest.fixture
def node() -> None:
    if shutil.which("node") is None or not (SHOPIFY / "node_modules" / ".package-lock.json").is_file():
        pytest.skip("shopify/node_modules is missing (install Node.js 18 or newer, then run scripts/setup dev)")


def words_of(locale: Path) -> dict[str, str]:
    return dict(json.loads(locale.read_text())["fitting_room"])


def test_the_script_is_small_and_asks_for_nothing_else() -> None:
    script = SERVED.read_bytes()
    assert len(gzip.compress(script, 9)) < LARGEST
    assert not re.search(rb"import\s*\(|importScripts|https?://", script)


def test_the_theme_s_script_is_the_one_that_is_served() -> None:
    assert (EXTENSION / "assets" / "fitting-room.js").read_bytes() == SERVED.read_bytes(), "run scripts/widget"


@pytest.mark.usefixtures("node")
def test_the_script_is_what_its_source_is_built_to(tmp_path: Path) -> None:
    subprocess.run([ROOT / "scripts" / "widget", tmp_path / "built.js"], check=True)
    assert (tmp_path / "built.js").read_bytes() == SERVED.read_bytes(), "run scripts/widget"


def test_every_language_has_every_word_with_the_same_gaps() -> None:
    source = (SHOPIFY / "widget" / "words.js").read_text()
    english = dict(re.findall(r'^  (\w+): "(.*)",$', source, re.MULTILINE))
    assert english == words_of(EXTENSION / "locales" / "en.default.json")
    for locale in LOCALES:
        words = words_of(locale)
        assert list(words) == list(english), locale.name
        for name, sentence in words.items():
            gaps = set(re.findall(r"\{\w+\}", sentence))
            wanted = set(re.findall(r"\{\w+\}", english[name]))
            may = {"{message}", "{when}"} if name.startswith("error_") else set()
            assert gaps == wanted or gaps <= may, f"{locale.name}: {name}"


def test_every_cause_has_a_sentence_of_its_own_in_every_language() -> None:
    codes = {*BlockCode, *BlockCause, *ErrorCode} - {ErrorCode.CANCELLED, ErrorCode.NOT_OFFERED}  # it asks for neither
    for locale in LOCALES:
        said = {code: words_of(locale)[f"error_{code.lower()}"] for code in codes}
        if locale.name != "en.default.json":
            assert "{message}" not in "".join(said.values()), "the server speaks English"
            causes = [said[code] for code in (*BlockCode, *BlockCause)]
            assert len(set(causes)) == len(causes), locale.name


def test_the_theme_gives_every_word_and_the_widget_says_each() -> None:
    english = words_of(EXTENSION / "locales" / "en.default.json")
    given = re.findall(
        r"\"(\w+)\": {{ 'fitting_room\.(\w+)' \| t \| json }}", (EXTENSION / "snippets" / "words.liquid").read_text()
    )
    assert given == [(name, name) for name in english]
    sources = {path.name: path.read_text() for path in (SHOPIFY / "widget").iterdir()}
    sources["words.js"] = sources["words.js"].partition("};")[2]  # without the words themselves
    said = set(re.findall(r'"(\w+)"|words\.(\w+)', "".join(sources.values())))
    assert [name for name in english if not {(name, ""), ("", name)} & said and not name.startswith("error_")] == []


@pytest.mark.usefixtures("node")
def test_the_theme_app_extension_passes_shopify_s_check(tmp_path: Path) -> None:
    passed = subprocess.run(["node", SHOPIFY / "check.js"], capture_output=True, text=True, check=False)
    assert passed.returncode == 0, passed.stdout
    broken = shutil.copytree(EXTENSION, tmp_path / "broken")
    block = broken / "blocks" / "try-on.liquid"
    block.write_text(block.read_text().replace("fitting_room.try", "fitting_room.gone"))
    failed = subprocess.run(["node", SHOPIFY / "check.js", broken], capture_output=True, text=True, check=False)
    assert "TranslationKeyExists" in failed.stdout
