"""The published description of the contract: what FastAPI derives, less the replies that we never give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

from api.errors import ErrorReply

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.settings import Mode

FRAMEWORKS_OWN = "#/components/schemas/HTTPValidationError"
DESCRIPTION = """A virtual fitting room: a photograph and a product in, a picture of that person wearing it out.

1. `POST /public/prepare-upload`, then `PUT` the photograph to the `uploadUrl`, then `POST /public/upload-complete`.
2. `POST /public/fitting-room` with the `fileId` and a product.
3. `GET /public/generation/{id}` every 2 seconds, or its `/events`, until COMPLETED or FAILED.

Every reply that is not a success is JSON with a `message` for people and a `code` for programs."""

SECURITY: dict[Mode, dict[str, Any]] = {
    "open": {},
    "api_key": {"API key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
    "shopify": {"App proxy signature": {"type": "apiKey", "in": "query", "name": "signature"}},
}


def describe(app: FastAPI, mode: Mode) -> dict[str, Any]:
    """The OpenAPI document of `app`. Validation answers 400, so the framework's own 422 is dropped."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
        for path, operations in document["paths"].items():
            for operation in operations.values():
                _drop_frameworks_reply(operation["responses"])
                if path.startswith("/public/"):
                    operation["security"] = [{name: []} for name in SECURITY[mode]]
        schemas = document["components"]["schemas"]
        schemas[ErrorReply.__name__] = ErrorReply.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        document["components"]["securitySchemes"] = SECURITY[mode]
        app.openapi_schema = document
    return app.openapi_schema


def _drop_frameworks_reply(responses: dict[str, Any]) -> None:
    schema = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref") == FRAMEWORKS_OWN:
        del responses["422"]
