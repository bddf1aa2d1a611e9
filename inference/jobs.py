"""What a job is. A leaf: standard library only, so that the API and the worker share it for free."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from models.categories import CATEGORIES
from models.categories import Category as Category
from models.exactness import NONE, Approximations, Optimisation

COMPACT = json.JSONEncoder(separators=(",", ":"))


class Status(StrEnum):
    """The four states of the published contract."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in (Status.COMPLETED, Status.FAILED)


class ErrorCode(StrEnum):
    """Why a generation FAILED (`errorCode`), for programs; the sentence beside it is for people."""

    PHOTO_UNUSABLE = "PHOTO_UNUSABLE"
    GARMENT_UNUSABLE = "GARMENT_UNUSABLE"
    NOT_OFFERED = "NOT_OFFERED"
    CANCELLED = "CANCELLED"
    WORKER_LOST = "WORKER_LOST"
    INTERNAL = "INTERNAL"


class GenerationError(Exception):
    """A generation that ends here, with a sentence the shopper can act on."""

    def __init__(self, code: ErrorCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Jobs with equal keys can share one batch of the denoiser."""

    card: str
    num_inference_steps: int | None
    guidance_scale: float | None
    approximations: Approximations = NONE
    strict: bool = False

    def __str__(self) -> str:
        how = "strict" if self.strict else str(self.approximations)
        return f"{self.card}/{self.num_inference_steps}/{self.guidance_scale}/{how}"


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One picture to make: blob keys in, everything the engine needs to know."""

    generation_id: str
    shop: str
    shopper: str = field(repr=False)  # hashed
    person_key: str = field(repr=False)
    garment_key: str
    category: str
    card: str
    seed: int
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    mask_key: str | None = field(default=None, repr=False)  # as `densepose_key`: of the person photograph's size
    densepose_key: str | None = field(default=None, repr=False)
    garment_is_worn: bool = False  # somebody wears it in its picture
    webhook: bool = False  # whether its shop is to be told how it ended
    approximations: Approximations = NONE
    strict: bool = False  # nothing approximate may make it
    traceparent: str | None = None  # of the request that asked for it, as W3C writes it; where requests are traced
    asked_at: float | None = None  # likewise, in seconds since the epoch

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"category must be one of {', '.join(CATEGORIES)}, not {self.category!r}")

    @property
    def batch_key(self) -> BatchKey:
        return BatchKey(self.card, self.num_inference_steps, self.guidance_scale, self.approximations, self.strict)

    def to_json(self) -> str:
        told = {name: getattr(self, name) for name in self.__slots__}
        if self.traceparent is None:  # so a worker of the version before, which knows no traces, reads it
            del told["traceparent"], told["asked_at"]
        told["approximations"] = self.approximations.as_dict()
        return COMPACT.encode(told)

    @classmethod
    def from_json(cls, text: str) -> GenerationRequest:
        told = json.loads(text)
        return cls(**told | {"approximations": Approximations.of(told.get("approximations", {}))})


def new_generation_id() -> str:
    """`gen_` and 128 unguessable bits."""
    return f"gen_{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class SlidingLimit:
    """At most `maximum` generations of `identity` (opaque, already hashed) in any `window_s` seconds."""

    identity: str = field(repr=False)
    maximum: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Admission:
    """What one generation must be allowed to take, decided and reserved in one atomic step with its job."""

    shop: str
    limits: tuple[SlidingLimit, ...]
    monthly_quota: int
    owner: str = field(default="", repr=False)  # an identity, for its shopper to have it erased
    weight: float = 1.0  # of its shop's share, while several shops have jobs that wait
    leaves_room: bool = False  # for other shops: the queue is full for this one before it is for all


class Refusal(StrEnum):
    """Why a submission was not accepted; nothing was reserved."""

    RATE_LIMIT = "RATE_LIMIT"
    QUOTA = "QUOTA"
    QUEUE_FULL = "QUEUE_FULL"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"


@dataclass(frozen=True, slots=True)
class Submission:
    """`generation_id` when accepted (or replayed by its idempotency key); else the refusal and when to come back."""

    generation_id: str = ""
    refusal: Refusal | None = None
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """A snapshot of one job, as the API tells it."""

    generation_id: str
    shop: str
    status: Status
    created_at: float  # seconds since the epoch, as `updated_at`
    updated_at: float
    progress: float  # 0 to 1
    queue_position: int | None = None  # 0 is next; None when not waiting
    result_key: str | None = None
    warnings: tuple[str, ...] = ()  # of a COMPLETED one, in sentences
    optimisations: tuple[Optimisation, ...] = ()  # that made a COMPLETED one
    error_code: ErrorCode | None = None
    error_message: str | None = None
