"""One exception tree -> HTTP status, code, message."""

from __future__ import annotations

import http
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Mapping


class ErrorReply(BaseModel):
    """A reply that is not a success."""

    message: str = Field(description="One sentence for people.")
    code: str = Field(description="For programs.")


class ApiError(Exception):
    """The root: what went wrong, in a sentence the caller can act on."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"
    example: ClassVar[str] = "Something went wrong on our side. Please try again in a minute."
    says_when: ClassVar[bool] = False  # in the header Retry-After, to come back

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message or self.example)
        self.headers = dict(headers or {})

    @property
    def message(self) -> str:
        return str(self)

    def body(self) -> dict[str, Any]:
        return {"message": self.message, "code": self.code}


class BadRequest(ApiError):
    status = 400
    code = "VALIDATION_FAILED"
    example = "productId must look like gid://shopify/Product/1001."


class BadPhoto(ApiError):
    status = 400
    code = "PHOTO_UNUSABLE"
    example = "This file is not a picture we can read. Please upload a JPEG, PNG, WebP or HEIC photograph."


class EmailInvalid(BadRequest):
    example = "Invalid email format"

    def body(self) -> dict[str, Any]:
        return {"success": False, **super().body()}


class ConsentMissing(ApiError):
    status = 400
    code = "CONSENT_MISSING"
    example = "Please agree to how your photograph is used before you send it."


class Unauthorised(ApiError):
    status = 401
    code = "UNAUTHORIZED"
    example = "This request is not signed by a shop we know."


class Forbidden(ApiError):
    status = 403
    code = "FORBIDDEN"
    example = "This server answers only pages of this machine."


class LinkInvalid(ApiError):
    status = 403
    code = "LINK_INVALID"
    example = "This link has expired. Please ask for a new one."


class NotFound(ApiError):
    status = 404
    code = "NOT_FOUND"
    example = "There is nothing here."


class PhotoNotFound(NotFound):
    code = "IMAGE_NOT_FOUND"
    example = "User image not found"


class UploadNotFound(NotFound):
    code = "UPLOAD_NOT_FOUND"
    example = "This upload is unknown, too old or already completed. Please send the photograph again."


class ProductNotFound(NotFound):
    code = "PRODUCT_NOT_FOUND"
    example = "Product not found"


class GenerationNotFound(NotFound):
    code = "GENERATION_NOT_FOUND"
    example = "Generation not found"


class ShareNotFound(NotFound):
    code = "SHARE_NOT_FOUND"
    example = "This picture is no longer shared."


class NotCompleted(ApiError):
    status = 409
    code = "NOT_COMPLETED"
    example = "This picture is not made yet. Please wait until the generation is COMPLETED."


class TooLarge(ApiError):
    status = 413
    code = "TOO_LARGE"
    example = "This photograph is larger than 20 MB. Please choose a smaller one."


class IdempotencyKeyReused(ApiError):
    status = 422
    code = "IDEMPOTENCY_KEY_REUSED"
    example = "This Idempotency-Key was already used for another request. Use a new key."


class TooMany(ApiError):
    """Of something that is done by strangers."""

    status = 429
    code = "RATE_LIMIT_EXCEEDED"
    example = "This has been asked many times just now. Please wait a little."
    says_when = True

    def __init__(self, wait_s: int) -> None:
        super().__init__(headers={"Retry-After": str(wait_s)})


class TooManyUploads(TooMany):
    example = "You have sent many photographs just now. Please wait a few minutes."


class TooManyErasures(TooMany):
    example = "Data has been deleted many times from your network. Please come back later, or ask the shop."


class TooManyShares(TooMany):
    example = "You have shared many pictures just now. Please wait a minute."


class TooManyViews(TooMany):
    example = "Many shared pictures were opened from your network just now. Please wait a minute."


class TooManyEmails(TooMany):
    example = "Many e-mail addresses were sent from here just now. Please come back in an hour."

    def body(self) -> dict[str, Any]:
        return {"success": False, **super().body()}


class Unavailable(ApiError):
    """Redis does not answer."""

    status = 503
    says_when = True
    code = "UNAVAILABLE"
    example = "The fitting room is away for a moment. Please try again."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"Retry-After": "5"})


class NotReady(ApiError):
    status = 503
    code = "NOT_READY"
    example = "No worker has its model loaded yet."


def replies(*errors: type[ApiError]) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of the errors a route can answer with, each with its example."""
    documented: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        content = {"schema": {"$ref": f"#/components/schemas/{ErrorReply.__name__}"}, "examples": {}}
        entry = documented.setdefault(
            error.status,
            {"description": http.HTTPStatus(error.status).phrase, "content": {"application/json": content}},
        )
        if error.says_when:
            entry["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
        example = {"message": error.example, "code": error.code}
        entry["content"]["application/json"]["examples"][error.__name__] = {"value": example}
    return documented
