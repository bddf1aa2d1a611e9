"""Every setting of the service: environment over settings file over default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from api.settings_rules import RULES
from api.shops import Domain, ShopSettings
from inference.blobs import Terms
from inference.jobs import Category
from inference.logs import LogFormat
from inference.redis_url import socket_url

ENV_PREFIX = "FITTING_ROOM_"
FILE_VARIABLE = "FITTING_ROOM_SETTINGS"
DEFAULT_FILE = Path("fitting-room.toml")
SHORTEST_SECRET = 32  # characters
DAY_S = 86400
SHOPIFY_PICTURES = "cdn.shopify.com"
SAMPLES = Path(__file__).parent / "static" / "samples"

Mode = Literal["open", "api_key", "shopify"]


class Settings(BaseSettings):
    """What the operator decides. The descriptions are the README's settings table."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True)

    mode: Mode = Field(
        "open",
        description="Who may ask: `open` (anyone on this machine), `api_key` (servers with a key), "
        "`shopify` (storefronts, by the app proxy's signature).",
    )
    host: str = Field("127.0.0.1", description="Address to listen on; `open` mode accepts only loopback.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="Address at which shoppers' browsers reach this server; needed outside `open` mode.",
    )
    data: Path = Field(Path("data"), description="Folder for Redis, pictures and the signing secret.")
    redis_url: str = Field(
        default_factory=lambda fields: os.environ.get("REDIS_URL") or socket_url(fields["data"]),
        description="Redis or Valkey, 6.2 or newer. The plain `REDIS_URL` works too.",
        json_schema_extra={"shown": "`REDIS_URL`, else the server that `scripts/serve` starts in the data folder"},
    )
    storage_url: str = Field(
        default_factory=lambda fields: (fields["data"] / "blobs").as_uri(),
        description="Where photographs and results lie: `file://`, `s3://`, `gs://` or `az://`.",
        json_schema_extra={"shown": "`file://` and `blobs` in the data folder"},
    )
    secret: SecretStr = Field(
        SecretStr(""),
        description="Key that signs URLs and hashes identities, at least 32 characters; "
        "every API process needs the same one.",
        json_schema_extra={"shown": "made once, in `secret` in the data folder"},
    )
    card: str = Field("paperdoll", description="Model card that makes the pictures.")
    weights: Path = Field(
        default_factory=lambda fields: fields["data"] / "weights",
        description="Folder of checkpoints, a folder for each card, as `fitting-room fetch` fills it.",
        json_schema_extra={"shown": "`weights` in the data folder"},
    )
    accepted_licences: tuple[str, ...] = Field(
        (), description="Non-commercial cards, or licences of such, that you may use; as `--accept-licence`."
    )
    product_source: Literal["folder", "admin", "storefront"] = Field(
        "folder",
        description="Who tells the products: the folder `products`, or Shopify by its `admin` API, for which each "
        "shop needs a `shopify_client_id` or `shopify_token_env`, or by its `storefront` API, which needs the latter.",
    )
    products: Path = Field(
        SAMPLES,
        description="Folder with `products.json` or `products.csv`, and the garments' pictures.",
        json_schema_extra={"shown": "the samples that ship"},
    )
    image_hosts: tuple[Domain, ...] = Field(
        (),
        description="Hosts from which products' pictures are fetched by https, where the products' list names URLs; "
        "as `cdn.shopify.com`, which is always among them where Shopify tells the products.",
    )
    categories: dict[str, Category] = Field(
        {},
        description="How products are worn that do not say it: their type or a tag -> `upper`, `lower` or `overall`.",
    )
    reuse_device_gib: float = Field(
        0.25, ge=0, description="GPU memory in which a worker keeps what it computed, for other requests, in GiB."
    )
    reuse_host_gib: float = Field(4, ge=0, description="Host memory in which it does so, in GiB.")
    reuse_disk_gib: float = Field(8, ge=0, description="Disk on which it does so, in GiB; never what shows a person.")
    reuse_person_s: float = Field(600, ge=0, description="Seconds for which it does so with what shows a person.")
    cache_folder: Path = Field(
        default_factory=lambda fields: fields["data"] / "cache",
        description="Folder of what a worker measured, compiled and computed, for its next start.",
        json_schema_extra={"shown": "`cache` in the data folder"},
    )
    batch_window_ms: float = Field(
        5, ge=0, description="Milliseconds for which a lone generation waits for company, where batches are faster."
    )
    stages: Literal["overlap", "serial"] = Field(
        "overlap",
        description="How a worker works: `overlap` prepares the next batch and stores the last while one is made; "
        "`serial` makes one picture at a time, stage after stage, to compare with.",
    )
    weekly_limit: int = Field(
        10,
        ge=0,
        description="Generations a shopper may take in any seven days; any number in `open` mode, unless it is set.",
    )
    address_factor: int = Field(
        5,
        ge=1,
        description="Anonymous shoppers at one network address may together take this many times "
        "the weekly and the upload limit.",
    )
    upload_limit: int = Field(
        10,
        ge=1,
        description="Photographs a shopper may send in five minutes; any number in `open` mode, "
        "and in `api_key` mode where no `X-Shopper-Id` names one.",
    )
    trusted_proxies: int = Field(
        0, ge=0, description="Your own reverse proxies between Shopify and this server, as X-Forwarded-For counts them."
    )
    blocked_status: Literal["documented", "strict"] = Field(
        "documented",
        description="HTTP status of blocked generations: `documented` is 200 (429 for the weekly limit), "
        "`strict` is 402 for billing and quota and 503 for a full queue.",
    )
    max_queue_length: int = Field(1000, ge=1, description="Waiting generations beyond which new ones are refused.")
    retention_days: float = Field(
        7,
        ge=0.042,
        description="Days after which photographs, results and records are deleted; at least an hour, 0.042.",
    )
    photo_retention_days: float | None = Field(
        None,
        ge=0.042,
        description="Days after which photographs are deleted.",
        json_schema_extra={"shown": "as `retention_days`"},
    )
    result_retention_days: float | None = Field(
        None,
        ge=0.042,
        description="Days after which results are deleted, and the records of their generations.",
        json_schema_extra={"shown": "as `retention_days`"},
    )
    require_consent: bool = Field(
        False, description="Photographs are taken only with `consentVersion`: what the shopper agreed to."
    )
    url_ttl_s: int = Field(3600, ge=10, description="Seconds for which a signed picture URL works.")
    events_file: Path | None = Field(
        None,
        description="File to which the events that storefronts tell are added, a line of JSON each. Without one they "
        "are counted, and kept nowhere.",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token with which Prometheus reads `/metrics`. Without one, only this machine may in `open` "
        "mode, and nobody in the others.",
    )
    log_format: LogFormat | None = Field(
        None,
        description="How log lines are written: `text`, or `json` with one object a line.",
        json_schema_extra={"shown": "`text` on a terminal, else `json`"},
    )
    shops: tuple[ShopSettings, ...] = Field(
        (),
        description="Tables `[[shops]]`, see below.",
        json_schema_extra={"shown": "one shop without secrets in `open` mode"},
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())

    @field_validator("data", "products", "weights", "cache_folder", "events_file")
    @classmethod
    def _absolute(cls, folder: Path | None) -> Path | None:
        return folder.expanduser().absolute() if folder else None

    @field_validator("secret")
    @classmethod
    def _secret_is_long(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret) < SHORTEST_SECRET:
            raise ValueError(f"Set at least {SHORTEST_SECRET} random characters, or none to have it made.")
        return secret

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in RULES:
            rule(self)
        return self

    @property
    def picture_hosts(self) -> frozenset[str]:
        """Whence products' pictures may be fetched."""
        theirs = () if self.product_source == "folder" else (SHOPIFY_PICTURES, *(shop.domain for shop in self.shops))
        return frozenset((*self.image_hosts, *theirs))

    def reaches_admin(self, shop: ShopSettings) -> bool:
        """Whether there is a token for that shop's Admin API."""
        has_lasting_token = shop.shopify_token_env is not None and self.product_source != "storefront"
        return shop.shopify_client_id is not None or has_lasting_token

    def weekly_limit_of(self, shop: ShopSettings) -> int | None:
        """Generations that one of its shoppers may take in any seven days; None is any number.

        Whoever tries the service on their own machine is no shopper, and is stopped only where they say so.
        """
        if shop.weekly_limit is not None:
            return shop.weekly_limit
        if self.mode == "open" and "weekly_limit" not in self.model_fields_set:
            return None
        return self.weekly_limit

    @property
    def terms(self) -> Terms:
        """How long what shows or names a shopper is kept."""
        photo_days = self.photo_retention_days or self.retention_days
        result_days = self.result_retention_days or self.retention_days
        return Terms(photo_days * DAY_S, result_days * DAY_S)


def settings_file() -> Path:
    """The TOML file that is read when it exists."""
    return Path(os.environ.get(FILE_VARIABLE) or DEFAULT_FILE)
