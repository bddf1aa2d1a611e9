"""A shop as its operator declares it."""

from __future__ import annotations

import base64
import binascii
import os
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Domain = Annotated[str, StringConstraints(to_lower=True, pattern=r"(?i)^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Origin = Annotated[str, StringConstraints(to_lower=True, pattern=r"(?i)^https?://[^\s/]+$")]

SHORTEST_WEBHOOK_SECRET = 24  # bytes, as Standard Webhooks asks
MADE_BY = 'echo "whsec_$(head -c 32 /dev/urandom | base64)"'


class ShopSettings(BaseModel):
    """One `[[shops]]` table. Secrets are given by the names of environment variables, never by value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: Domain = Field(description="The shop's name, for Shopify its `.myshopify.com` domain.")
    plan: str = Field("standard", min_length=1, description="Name of the plan, told when it has expired.")
    plan_expires: AwareDatetime | None = Field(None, description="Moment from which generations are refused.")
    monthly_quota: int = Field(1000, ge=0, description="Generations in a calendar month (UTC).")
    weekly_limit: int | None = Field(None, ge=0, description="Instead of the general weekly limit of a shopper.")
    weight: float = Field(
        1,
        ge=0.01,
        le=100,
        description="Its share of the workers, against other shops', while all have generations waiting.",
    )
    app_secret_envs: tuple[str, ...] = Field(
        (), description="Variables with the Shopify app's client secrets: two while one replaces the other."
    )
    api_key_envs: tuple[str, ...] = Field((), description="Variables with the API keys the shop's server may use.")
    shopify_token_env: str | None = Field(
        None,
        description="Variable with a lasting token: the Storefront API's private one where `product_source` is "
        "`storefront`, else the Admin API's access token, where the app has no `shopify_client_id`.",
    )
    shopify_client_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Client id of the shop's app: with it and the app's secret the service gets itself a token of the "
        "Admin API, which Shopify grants for a day at a time.",
    )
    pictures_are_worn: bool = Field(
        False, description="Somebody wears the garments in the pictures that Shopify has of the shop's products."
    )
    webhook_url: str | None = Field(
        None, pattern=r"^https?://", description="Told of each generation that completed or failed."
    )
    webhook_secret_env: str | None = Field(None, description="Variable with the `whsec_` secret that signs webhooks.")
    origins: tuple[Origin, ...] = Field(
        (), description="Storefront origins whose pages may upload, beside `https://` and the domain."
    )

    @field_validator("app_secret_envs", "api_key_envs", "shopify_token_env")
    @classmethod
    def _variables_are_set(cls, names: tuple[str, ...] | str | None) -> tuple[str, ...] | str | None:
        for name in (names,) if isinstance(names, str) else names or ():
            if not os.environ.get(name):
                raise ValueError(f"the environment variable {name} is not set. Set it, or remove its name.")
        return names

    @field_validator("webhook_secret_env")
    @classmethod
    def _webhook_secret_is_strong(cls, name: str | None) -> str | None:
        if name and _num_secret_bytes(os.environ.get(name, "")) < SHORTEST_WEBHOOK_SECRET:
            wrong = "is not a webhook secret" if os.environ.get(name) else "is not set"
            raise ValueError(
                f"the environment variable {name} {wrong}. Set it to whsec_ and the base64 of "
                f"at least {SHORTEST_WEBHOOK_SECRET} random bytes, as this prints: {MADE_BY}"
            )
        return name

    @model_validator(mode="after")
    def _apps_have_secrets(self) -> Self:
        if self.shopify_client_id and not self.app_secret_envs:
            raise ValueError(f"Shop {self.domain} needs app_secret_envs beside shopify_client_id: its app's secret.")
        return self

    @model_validator(mode="after")
    def _webhooks_are_signed(self) -> Self:
        if (self.webhook_url is None) != (self.webhook_secret_env is None):
            raise ValueError(f"Shop {self.domain} needs both webhook_url and webhook_secret_env, or neither.")
        return self

    @cached_property
    def app_secrets(self) -> tuple[bytes, ...]:
        return tuple(os.environ[name].encode() for name in self.app_secret_envs)

    @cached_property
    def api_keys(self) -> tuple[bytes, ...]:
        return tuple(os.environ[name].encode() for name in self.api_key_envs)

    @cached_property
    def shopify_token(self) -> str | None:
        return os.environ[self.shopify_token_env] if self.shopify_token_env else None

    @cached_property
    def webhook_secret(self) -> str | None:
        return os.environ[self.webhook_secret_env] if self.webhook_secret_env else None

    @property
    def plan_has_expired(self) -> bool:
        return self.plan_expires is not None and datetime.now(UTC) >= self.plan_expires


def _num_secret_bytes(secret: str) -> int:
    """How many bytes a `whsec_` secret holds; 0 when it is not one."""
    prefix, _, encoded = secret.partition("whsec_")
    try:
        return 0 if prefix else len(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        return 0


OPEN_SHOP = ShopSettings(domain="open.localhost", monthly_quota=100_000)
"""The shop of `open` mode when none is declared."""
