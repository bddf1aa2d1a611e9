"""The published description of the contract: what FastAPI derives, less the replies that we never give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

FRAMEWORKS_OWN = "#/components/schemas/HTTPValidationError"


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of `app`. Validation answers 400, so the framework's own 422 is dropped."""
    if app.openapi_schema is None:
        document = type(app).openapi(app)
        for operations in document["paths"].values():
            for operation in operations.values():
                _drop_frameworks_reply(operation["responses"])
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
    return app.openapi_schema or {}


def _drop_frameworks_reply(responses: dict[str, Any]) -> None:
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref") == FRAMEWORKS_OWN:
        del responses["422"]
