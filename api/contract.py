"""Request and response models of the published contract. Absent fields are omitted, never null."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from inference.jobs import Category, ErrorCode, Status
from models.exactness import MOST_STEPS, Approximations, Exactness

if TYPE_CHECKING:
    from inference.jobs import Generation


def _gid(kind: str, example: str) -> tuple[AfterValidator, WithJsonSchema]:
    """How to check and to describe a Shopify id of this kind."""
    pattern = f"^gid://shopify/{kind}/[0-9]{{1,20}}$"

    def check(value: str) -> str:
        if not re.fullmatch(pattern[1:-1], value, re.ASCII):
            raise ValueError(f"must look like {example}")
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": pattern, "example": example})


ProductGid = Annotated[str, *_gid("Product", "gid://shopify/Product/1001")]
VariantGid = Annotated[str, *_gid("ProductVariant", "gid://shopify/ProductVariant/2001")]

JOB_ID = "gen_0f3a5b1c9d2e4f60718293a4b5c6d7e8"
PHOTO_ID = "photos/open.localhost/4f1c0a9be27d4c55.jpg"


class Model(BaseModel):
    """snake_case here, camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel)


class Reply(Model):
    model_config = ConfigDict(validate_by_name=True)

    def wire(self) -> dict[str, Any]:
        """As JSON types."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class CreditsReply(Reply):
    model_config = ConfigDict(json_schema_extra={"example": {"allowed": True}})

    allowed: bool = Field(description="Whether this shop may generate now. The definitive answer is fitting-room's.")


class ApproximationsBody(Model):
    """By which other function the picture may be made: cheaper, and another picture. Absent ones are the model's."""

    model_config = ConfigDict(extra="forbid", strict=True)

    num_inference_steps: int | None = Field(
        None, ge=1, le=MOST_STEPS, description="Denoising steps, at most the model's own number."
    )
    guidance_interval: list[float] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="Two rising shares of the schedule, from 0 to 1: only steps whose middle lies between are guided.",
        json_schema_extra={"items": {"type": "number", "minimum": 0, "maximum": 1}, "example": [0.2, 0.8]},
    )
    garment_reuse_steps: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="For so many steps, the garment's keys and values are those of the first of them.",
    )

    @field_validator("guidance_interval")
    @classmethod
    def _rises(cls, interval: list[float] | None) -> list[float] | None:
        if interval is not None and not 0 <= interval[0] < interval[1] <= 1:
            raise ValueError("must be two rising shares, from 0 to 1")
        return interval

    @property
    def chosen(self) -> Approximations:
        return Approximations.of(self.model_dump(exclude_none=True))


class TryOn(Model):
    """What to make: this person in this product."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"userImageId": PHOTO_ID, "productId": "gid://shopify/Product/1001"}}
    )

    user_image_id: str = Field(min_length=1, max_length=512, description="The `fileId` of a finished upload.")
    product_id: ProductGid = Field(description="`gid://shopify/Product/{id}`")
    variant_id: VariantGid | None = Field(
        None, description="`gid://shopify/ProductVariant/{id}`; the default variant when absent."
    )
    category: Category | None = Field(None, description="How the garment is worn; as the product says when absent.")
    mask_image_id: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="The `fileId` of a finished upload of the photograph's size: white where the garment may be drawn, "
        "black where the person stays. Made by the server when absent.",
    )
    densepose_image_id: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="The `fileId` of a finished upload of the photograph's size: DensePose's segmentation, in the "
        "colours that the model was trained on. Only some models use it.",
    )
    seed: int | None = Field(
        None, ge=0, lt=2**31, description="Of the noise that the picture is made from; the server's choice when absent."
    )
    strict: StrictBool = Field(
        False, description="Make the picture by nothing approximate, or fail with the code `NOT_OFFERED`."
    )
    approximations: ApproximationsBody | None = Field(
        None, description="Make the picture cheaper by something approximate; not together with `strict`."
    )

    @model_validator(mode="after")
    def _is_of_one_mind(self) -> Self:
        if self.strict and self.approximations is not None:
            raise ValueError("can't be strict and ask for approximations: send one of them")
        return self


class BlockCode(StrEnum):
    """Why a generation was not created."""

    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    RATE_LIMIT_EXCEEDED = "RATE_LIMIT_EXCEEDED"
    BILLING_NOT_ALLOWED = "BILLING_NOT_ALLOWED"
    CREATION_FAILED = "CREATION_FAILED"


class BlockCause(StrEnum):
    """Which of the causes that the contract calls CREATION_FAILED."""

    QUEUE_FULL = "QUEUE_FULL"
    GARMENT_UNREACHABLE = "GARMENT_UNREACHABLE"
    GARMENT_NOT_PLACED = "GARMENT_NOT_PLACED"
    UNAVAILABLE = "UNAVAILABLE"


class TryOnReply(Reply):
    """The job, or an empty `jobId` with the `code` and the sentence of why there is none."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"jobId": JOB_ID, "message": "Generation job created successfully"}}
    )

    job_id: str = Field(pattern=r"^(gen_[0-9a-f]{32})?$")
    message: str
    code: BlockCode | None = Field(None, description="Present only when the generation was blocked.")
    error_code: BlockCause | None = Field(
        None,
        description="Beside CREATION_FAILED: the queue is full, the product's picture cannot be fetched just now, "
        "nothing tells how the product is worn, or Redis does not answer.",
    )
    retry_after: int | None = Field(
        None, ge=1, description="Seconds until asking again may help: the header Retry-After's, which proxies may drop."
    )


class OptimisationReply(Reply):
    name: str
    exactness: Exactness = Field(
        description="`exact`: the same function, up to the order of sums; `near`: the same in other kernels or at "
        "another precision; `approximate`: another function."
    )
    error: float | None = Field(None, description="What it was measured to change, relative to without.")


class GenerationReply(Reply):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "generationId": JOB_ID,
                "status": "PROCESSING",
                "progress": 0.4,
                "createdAt": "2026-11-24T10:00:00Z",
                "updatedAt": "2026-11-24T10:00:03Z",
            }
        }
    )

    generation_id: str = Field(pattern=r"^gen_[0-9a-f]{32}$")
    status: Status
    result_image_key: str | None = Field(None, description="When COMPLETED.")
    result_image_url: str | None = Field(None, description="When COMPLETED: signed, expires, new on each poll.")
    warnings: list[str] | None = Field(None, description="What the viewer should know of the picture, if anything.")
    optimisations: list[OptimisationReply] | None = Field(
        None, description="When COMPLETED: what made the picture cheaper than the published computation."
    )
    error_message: str | None = Field(None, description="When FAILED: a sentence for the shopper.")
    error_code: ErrorCode | None = Field(None, description="When FAILED: for programs.")
    progress: float = Field(ge=0, le=1)
    queue_position: int | None = Field(None, ge=0, description="When PENDING: generations ahead of this one.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, generation: Generation, result_url: str | None) -> Self:
        return cls(
            generation_id=generation.generation_id,
            status=generation.status,
            result_image_key=generation.result_key,
            result_image_url=result_url,
            warnings=list(generation.warnings) or None,
            optimisations=[OptimisationReply(**one.as_dict()) for one in generation.optimisations] or None,
            error_message=generation.error_message,
            error_code=generation.error_code,
            progress=generation.progress,
            queue_position=generation.queue_position,
            created_at=datetime.fromtimestamp(generation.created_at, UTC),
            updated_at=datetime.fromtimestamp(generation.updated_at, UTC),
        )
