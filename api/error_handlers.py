"""Every reply that is not a success is JSON `{message, code}`, whoever raised what."""

from __future__ import annotations

import errno
import http
import logging
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from obstore.exceptions import BaseError
from redis.exceptions import RedisError
from starlette.exceptions import HTTPException

from api.errors import ApiError, BadRequest, ErrorReply, Unavailable
from api.headers import ALWAYS
from inference.blobs import NotStoredError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import FastAPI, Request

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Make every error of `app` a JSON reply."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(RedisError, redis_error)
    app.add_exception_handler(NotStoredError, _store_error)
    app.add_exception_handler(BaseError, _store_error)
    app.add_exception_handler(OSError, _os_error)
    app.add_exception_handler(Exception, _unexpected)


async def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body(), error.status, error.headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = http.HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if phrase is http.HTTPStatus.METHOD_NOT_ALLOWED and (methods := _methods_of_path(request)):
        headers["Allow"] = methods
    body = ErrorReply(message=f"{error.detail.rstrip('.')}.", code=phrase.name)
    return JSONResponse(body.model_dump(), phrase, headers)


def _methods_of_path(request: Request) -> str:
    """Of all operations at this path: the framework names only the first one's."""
    path = getattr(request.scope.get("route"), "path", "")
    methods = [method.upper() for method in request.app.openapi()["paths"].get(path, ())]
    return ", ".join([*methods, "HEAD"] if "GET" in methods else methods)


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    refusal = BadRequest(_sentence(error.errors()))
    return JSONResponse(refusal.body(), refusal.status)


async def redis_error(request: Request, error: Exception) -> JSONResponse:
    """What is told when Redis did not do what a request needs."""
    log.error("Redis failed a request: %s", error)
    return await _api_error(request, Unavailable())


def store_refusal(error: Exception) -> Unavailable:
    """What is told when the store of the pictures did not do what a request needs; the log has why."""
    log.error("The pictures' store failed a request: %s", str(error).partition("\n")[0])
    return Unavailable()


async def _store_error(request: Request, error: Exception) -> JSONResponse:
    return await _api_error(request, store_refusal(error))


async def _os_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        raise error
    return await _store_error(request, error)


async def _unexpected(_: Request, __: Exception) -> JSONResponse:
    """Answered outside of all middleware."""
    refusal = ApiError()
    return JSONResponse(refusal.body(), refusal.status, ALWAYS)


def _sentence(problems: Sequence[Any]) -> str:
    """The first problem as one sentence that names the field and never repeats its value."""
    problem = problems[0]
    if problem["type"] == "json_invalid":
        return "The body is not valid JSON."
    where = [str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header")]
    if problem["type"] == "missing":
        return f"{'.'.join(where)} is missing." if where else "The body is missing: send JSON."
    name = ".".join(where) or "The body"
    message = str(problem["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message[0].lower()}{message[1:]}." if problem["type"] != "value_error" else f"{name} {message}."
