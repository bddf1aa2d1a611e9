"""Settings: where they come from, and what refuses to start."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.admission import admission
from api.secret import signing_key
from api.settings import ENV_PREFIX, InvalidSettings, Settings, load_settings
from api.settings_table import settings_table
from api.shopper import Shopper
from api.shops import OPEN_SHOP

SHOP = {"domain": "demo.myshopify.com", "app_secret_envs": ["DEMO_SECRET"], "api_key_envs": ["DEMO_KEY"]}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEMO_SECRET", "hush")
    monkeypatch.setenv("DEMO_KEY", "key")


def test_without_any_setting_it_is_open_on_loopback(tmp_path: Path) -> None:
    settings = load_settings()
    assert (settings.mode, settings.host, settings.weekly_limit) == ("open", "127.0.0.1", 10)
    assert settings.redis_url == f"unix://{tmp_path}/data/redis.sock"


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fitting-room.toml").write_text('port = 1\nweekly_limit = 1\ncard = "file"\n')
    monkeypatch.setenv("FITTING_ROOM_PORT", "2")
    monkeypatch.setenv("FITTING_ROOM_WEEKLY_LIMIT", "2")
    settings = load_settings(port=3)
    assert (settings.port, settings.weekly_limit, settings.card) == (3, 2, "file")


def test_shops_come_from_the_named_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "shops.toml"
    path.write_text(
        'mode = "shopify"\npublic_url = "https://try.example"\n[[shops]]\ndomain = "Demo.myshopify.com"\n'
        'app_secret_envs = ["DEMO_SECRET"]\nplan_expires = 2020-01-01T00:00:00Z\n'
    )
    monkeypatch.setenv("FITTING_ROOM_SETTINGS", str(path))
    (shop,) = load_settings().shops
    assert (shop.domain, shop.app_secrets, shop.plan_has_expired) == ("demo.myshopify.com", (b"hush",), True)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"host": "0.0.0.0"}, "open mode listens only on loopback, not on 0.0.0.0"),
        ({"host": "shop.example"}, "open mode listens only on loopback"),
        ({"mode": "public"}, "mode: Input should be 'open', 'api_key' or 'shopify'"),
        ({"host": "0.0.0.0", "port": 81}, "`ssh -L 81:127.0.0.1:81`"),
        ({"nonsense": 1}, "nonsense is not a setting. Remove it"),
        ({"weekly_limt": 1}, "weekly_limt is not a setting. Did you mean weekly_limit?"),
        (
            {"shops": [SHOP | {"monthly_qouta": 1}]},
            "shops.0.monthly_qouta is not a setting. Did you mean monthly_quota?",
        ),
        ({"product_source": "admin"}, "open mode shows the products of a folder"),
        (
            {"product_source": "admin", "mode": "api_key", "public_url": "https://try.example", "shops": [SHOP]},
            "Shop demo.myshopify.com needs shopify_client_id or shopify_token_env",
        ),
        (
            {"shops": [{"domain": "demo.example", "shopify_client_id": "abc"}]},
            "Shop demo.example needs app_secret_envs beside shopify_client_id",
        ),
        ({"mode": "shopify"}, "shopify mode needs at least one [[shops]] table"),
        ({"mode": "shopify", "shops": [SHOP]}, "shopify mode needs public_url"),
        ({"shops": [SHOP, SHOP | {"domain": "b.example"}]}, "open mode has one shop"),
        ({"mode": "api_key", "public_url": "https://a.b", "shops": [SHOP, SHOP]}, "repeated: demo.myshopify.com"),
        (
            {"mode": "api_key", "public_url": "https://a.b", "shops": [{"domain": "demo.example"}]},
            "Shop demo.example needs api_key_envs in api_key mode",
        ),
        (
            {"mode": "api_key", "public_url": "https://a.b", "shops": [SHOP, SHOP | {"domain": "b.example"}]},
            "Shops demo.myshopify.com and b.example have the same API key. Give each a key of its own.",
        ),
        ({"shops": [SHOP | {"api_key_envs": ["ABSENT"]}]}, "the environment variable ABSENT is not set"),
        ({"shops": [SHOP | {"domain": "a/../b"}]}, "shops.0.domain"),
        ({"shops": [SHOP | {"webhook_url": "https://a.b"}]}, "needs both webhook_url and webhook_secret_env"),
        ({"retention_days": 0.001}, "retention_days: Input should be greater than or equal to 0.042"),
        ({"port": 70000}, "port: Input should be less than or equal to 65535"),
    ],
)
def test_what_is_unsafe_or_unknown_refuses_to_start(overrides: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        load_settings(**overrides)
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    "secret",
    ["abc", "abcde", "hello world", "whsec_", "whsec_abcde", "whsec_c2hvcnQ=", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"],
)
def test_a_webhook_secret_that_cannot_sign_refuses_to_start(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("HOOK", secret)
    with pytest.raises(InvalidSettings, match=r"HOOK is not a webhook secret\. Set it to whsec_"):
        load_settings(shops=[SHOP | {"webhook_url": "https://a.b", "webhook_secret_env": "HOOK"}])


def test_a_webhook_secret_that_is_missing_is_made_by_the_command_that_the_refusal_gives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hooked = SHOP | {"webhook_url": "https://a.b", "webhook_secret_env": "HOOK"}
    with pytest.raises(InvalidSettings, match="HOOK is not set") as refusal:
        load_settings(shops=[hooked])
    command = str(refusal.value).rpartition("as this prints: ")[2]
    made = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setenv("HOOK", made)
    (shop,) = load_settings(shops=[hooked]).shops
    assert shop.webhook_secret == made


def test_a_webhook_secret_of_the_standard_s_form_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")
    (shop,) = load_settings(shops=[SHOP | {"webhook_url": "https://a.b", "webhook_secret_env": "HOOK"}]).shops
    assert shop.webhook_secret == "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def test_a_misspelt_variable_is_named_with_its_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTING_ROOM_WEEKLY_LIMITS", "3")
    with pytest.raises(InvalidSettings, match=r"Did you mean FITTING_ROOM_WEEKLY_LIMIT\?"):
        load_settings()


def test_a_secret_whose_name_looks_like_a_setting_s_is_told_to_take_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTING_ROOM_API_KEY", "key")
    with pytest.raises(InvalidSettings, match=r"Names of shops' secrets must not begin with FITTING_ROOM_\."):
        load_settings(shops=[SHOP | {"api_key_envs": ["FITTING_ROOM_API_KEY"]}])


def test_a_named_file_that_is_missing_refuses_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTING_ROOM_SETTINGS", "absent.toml")
    with pytest.raises(InvalidSettings, match=r"absent\.toml, which is not a file"):
        load_settings()


def test_a_malformed_file_refuses_to_start(tmp_path: Path) -> None:
    (tmp_path / "fitting-room.toml").write_text("port = = 1")
    with pytest.raises(InvalidSettings, match=rf"{tmp_path}/fitting-room\.toml is not TOML: .* line 1"):
        load_settings()


def test_a_file_that_this_user_may_not_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", forbidden)  # root may read everything
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    with pytest.raises(InvalidSettings, match=r"settings file fitting-room\.toml cannot be read: Permission denied"):
        load_settings()


@pytest.mark.parametrize(("set_to", "allowed"), [({}, None), ({"weekly_limit": 2}, 2)])
def test_whoever_tries_it_on_their_own_machine_has_no_weekly_limit_unless_they_set_one(
    set_to: dict[str, int], allowed: int | None
) -> None:
    settings = load_settings(**set_to)
    assert settings.weekly_limit_of(OPEN_SHOP) == allowed
    assert len(admission(OPEN_SHOP, Shopper("me"), settings).limits) == (allowed is not None)


def test_every_shop_has_the_weekly_limit_or_its_own() -> None:
    settings = load_settings(mode="api_key", public_url="https://a.b", shops=[SHOP])
    (shop,) = settings.shops
    assert settings.weekly_limit_of(shop) == 10
    assert settings.weekly_limit_of(shop.model_copy(update={"weekly_limit": 0})) == 0


def test_secrets_never_show_in_the_settings_text() -> None:
    assert "hidden-value" not in repr(load_settings(secret=f"hidden-value{'x' * 20}"))


def test_a_short_secret_refuses_to_start_and_is_not_told() -> None:
    with pytest.raises(InvalidSettings, match="secret: Set at least 32 random characters") as refusal:
        load_settings(secret="hidden-value" + "x" * 19)
    assert "hidden-value" not in str(refusal.value)


def test_processes_that_start_together_agree_on_one_private_secret(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path / "new")
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: signing_key(settings, "urls"), range(32)))
    assert len(keys) == 1
    assert (tmp_path / "new" / "secret").stat().st_mode & 0o777 == 0o600
    assert signing_key(settings, "identities") not in keys
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret"]


def test_the_table_has_a_described_row_for_every_setting() -> None:
    table = settings_table()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert f"| `{name}` | `{ENV_PREFIX}{name.upper()}` |" in table
