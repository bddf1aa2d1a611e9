"""A generation that is not created: the contract's codes, their statuses and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse

from api.contract import JOB_ID, BlockCause, BlockCode, TryOnReply

if TYPE_CHECKING:
    from api.settings import Settings

CREATED = "Generation job created successfully"
QUOTA_USED = "This shop has used all its try-ons of this month."

EXAMPLES: dict[BlockCode, dict[str, Any]] = {
    BlockCode.QUOTA_EXCEEDED: {"message": QUOTA_USED},
    BlockCode.RATE_LIMIT_EXCEEDED: {
        "message": "This week's try-ons are used up. Please come back in 3 days.",
        "retryAfter": 259200,
    },
    BlockCode.BILLING_NOT_ALLOWED: {
        "message": "Try-on is not available in this shop now: its standard plan has ended."
    },
    BlockCode.CREATION_FAILED: {
        "message": "The fitting room is full just now. Please try again in 2 minutes.",
        "errorCode": BlockCause.QUEUE_FULL,
        "retryAfter": 120,
    },
}
STATUSES = {
    BlockCode.QUOTA_EXCEEDED: {"documented": 200, "strict": 402},
    BlockCode.RATE_LIMIT_EXCEEDED: {"documented": 429, "strict": 429},
    BlockCode.BILLING_NOT_ALLOWED: {"documented": 200, "strict": 402},
    BlockCode.CREATION_FAILED: {"documented": 200, "strict": 503},
}
"""By the setting `blocked_status`: clients of the contract look at the code, so most are 200 unless asked otherwise."""


class Blocked(Exception):
    """No generation is created, for this reason. `retry_after_s` is 0 where waiting does not help."""

    def __init__(
        self, code: BlockCode, message: str, retry_after_s: int = 0, *, cause: BlockCause | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.cause = cause

    def reply(self, settings: Settings) -> JSONResponse:
        """The contract's reply, in the shape of success's."""
        body = TryOnReply(
            job_id="",
            message=self.message,
            code=self.code,
            error_code=self.cause,
            retry_after=self.retry_after_s or None,
        )
        headers = {"Retry-After": str(self.retry_after_s)} if self.retry_after_s else None
        return JSONResponse(body.wire(), STATUSES[self.code][settings.blocked_status], headers)


def blocked_replies() -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries of success and of every way in which a generation can be blocked."""
    documented: dict[int | str, dict[str, Any]] = {
        200: _entry("Created; or blocked, when `code` is there", created={"jobId": JOB_ID, "message": CREATED})
    }
    for code, told in EXAMPLES.items():
        for status in STATUSES[code].values():
            entry = documented.setdefault(status, _entry("Blocked"))
            example = {"jobId": "", "code": code, **told}
            entry["content"]["application/json"]["examples"][code] = {"value": example}
    return documented


def _entry(description: str, **examples: dict[str, str]) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in examples.items()}
    return {
        "model": TryOnReply,
        "description": description,
        "headers": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
        "content": {"application/json": {"examples": named}},
    }
