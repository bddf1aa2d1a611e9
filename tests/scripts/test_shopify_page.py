"""docs/shopify.md tells the truth: its files can be used, and what it names exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from api.http_metrics import HttpMetrics
from api.settings import Settings, load_settings
from api.shopify_webhooks import TOPICS
from api.shops import ShopSettings
from api.sources.customers import SCOPES
from api.sources.queries import VERSION
from scripts.cli import COMMANDS
from scripts.doctor.admin import BLOCK, EDITOR

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "shopify.md").read_text()


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found, name
    return found[1]


def test_its_settings_start_the_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXAMPLE_APP_SECRET", "hush")
    (tmp_path / "fitting-room.toml").write_text(block("settings"))
    settings = load_settings()
    (shop,) = settings.shops
    assert settings.reaches_admin(shop)


def test_every_setting_it_names_exists() -> None:
    known = Settings.model_fields.keys() | ShopSettings.model_fields.keys()
    assigned = set(re.findall(r"`(\w+) = [^`]*`", PAGE))
    listed = set(re.findall(r"^- `(\w+)`:", PAGE, re.MULTILINE)) - {"folder", "admin", "storefront"}
    assert {"product_source", "retention_days"} <= assigned
    assert {"origins", "trusted_proxies", "shopify_client_id"} <= listed
    assert (assigned | listed) - known == set()


def test_the_app_that_it_describes_is_the_one_that_this_service_serves() -> None:
    app, settings = tomllib.loads(block("app")), tomllib.loads(block("settings"))
    (subscribed,) = app["webhooks"]["subscriptions"]
    assert {*subscribed["topics"], *subscribed["compliance_topics"]} == TOPICS
    assert subscribed["uri"] == f"{settings['public_url']}/webhooks/shopify"
    assert app["app_proxy"]["url"] == settings["public_url"]
    assert app["webhooks"]["api_version"] == VERSION
    scopes = set(app["access_scopes"]["scopes"].split(","))
    assert {*SCOPES, "write_app_proxy", "read_products"} <= scopes
    told = PAGE[PAGE.index("| Scope |") : PAGE.index("Release the version")]
    assert scopes == set(re.findall(r"`((?:read|write)_\w+)`", told))
    assert app["client_id"] == settings["shops"][0]["shopify_client_id"]


def test_every_command_metric_and_page_it_names_exists() -> None:
    assert set(re.findall(r"fitting-room (\w+)", PAGE)) <= set(COMMANDS)
    metrics = {f"{family.name}_total" for family in HttpMetrics().collect()}
    assert set(re.findall(r"`(fitting_room_\w+)`", PAGE)) <= metrics
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_the_block_that_the_doctor_looks_for_is_the_one_that_ships() -> None:
    (file,) = (ROOT / "shopify" / "extensions" / "fitting-room" / "blocks").glob("*.liquid")
    assert BLOCK.search(f"shopify://apps/any/blocks/{file.stem}/0a1b")
    name = re.search(r'"name": "([^"]+)"', file.read_text())
    assert name
    assert name[1] in EDITOR
    assert name[1] in PAGE
