"""What is sent and what comes back, as `/openapi.json` describes it: snake_case here, camelCase on the wire.

Fields that a later service adds are not looked at.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from inference.jobs import Status


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)

    def wire(self) -> dict[str, Any]:
        """As JSON types, without what is absent."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class Approximations(Wire):
    """Cheaper, and another picture; not every model has each."""

    num_inference_steps: int | None = None
    guidance_interval: tuple[float, float] | None = None
    garment_reuse_steps: int | None = None


class TryOn(Wire):
    """A picture to be made. Ids of images are those of uploads; those of products and variants are Shopify's."""

    user_image_id: str
    product_id: str
    variant_id: str | None = None
    category: str | None = None
    mask_image_id: str | None = None
    densepose_image_id: str | None = None
    seed: int | None = None
    strict: bool = False
    approximations: Approximations | None = None


class Credits(Wire):
    allowed: bool


class Place(Wire):
    """Where a photograph is to be sent."""

    upload_url: str
    upload_key: str


class Consent(Wire):
    """What the shopper agreed to, and when."""

    consent_version: str
    consent_given_at: datetime | None = None


class Photo(Wire):
    """As the service keeps it. `file_url` is signed, and expires."""

    file_id: str
    file_url: str
    message: str


class MeasuredPhoto(Photo):
    """Sizes in pixels."""

    image_width: int
    image_height: int
    faces: list[dict[str, float]] = []


class Job(Wire):
    job_id: str
    message: str
    code: str | None = None
    error_code: str | None = None
    retry_after: int | None = None


class Optimisation(Wire):
    """`exactness`: `exact`, `near` or `approximate`; `error`: measured, relative to without."""

    name: str
    exactness: str
    error: float | None = None


class Generation(Wire):
    """As it stands. `progress` from 0 to 1; `result_image_url` is signed, expires, and is another at each call."""

    generation_id: str
    status: Status
    result_image_key: str | None = None
    result_image_url: str | None = None
    warnings: list[str] = []
    optimisations: list[Optimisation] = []
    error_message: str | None = None
    error_code: str | None = None
    progress: float
    queue_position: int | None = None
    created_at: datetime
    updated_at: datetime


class Share(Wire):
    share_token: str
    share_url: str
    expires_at: datetime


class Variant(Wire):
    variant_id: str
    title: str
    image: str


class Product(Wire):
    """`image`: a path at the service, or an address elsewhere."""

    product_id: str
    title: str
    image: str
    category: str
    variants: list[Variant]


class Figure(Wire):
    title: str
    image: str


class Model(Wire):
    """That makes the pictures."""

    name: str
    title: str
    notice: str


class Products(Wire):
    """What a service in `open` mode offers on its own page."""

    products: list[Product] = []
    figures: list[Figure] = []
    model: Model | None = None
    retention_days: float
    require_consent: bool
