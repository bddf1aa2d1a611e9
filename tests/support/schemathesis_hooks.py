"""Lets schemathesis come far: its bodies name what exists, and its queries are signed as by Shopify's app proxy."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import requests
import schemathesis
from PIL import Image
from requests.auth import AuthBase
from storefront import signed

from api.contract import PHOTO_ID

if TYPE_CHECKING:
    from requests import PreparedRequest


class AppProxy(AuthBase):
    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        parts = urlsplit(str(request.url))
        own = dict(parse_qsl(parts.query, keep_blank_values=True))
        own.pop("signature", None)
        query = signed(os.environ["SIGNING_SHOP"], os.environ["SIGNING_SECRET"], customer="1", **own)
        request.url = parts._replace(query=query).geturl()
        return request


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Well-formed ids become those of the photograph and the product that there are, and files a photograph."""
    if isinstance(body, dict) and isinstance(body.get("userImageId"), str) and "productId" in body:
        return body | {"userImageId": PHOTO_ID, "productId": "gid://shopify/Product/1001"}
    if isinstance(body, dict) and "file" in body:
        return {"file": jpeg()}
    return body


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: schemathesis.Response) -> None:
    """A place that was prepared is given a photograph, so that it can be completed."""
    if case.operation.path == "/public/prepare-upload" and response.status_code == 200:
        path = urlsplit(response.json()["uploadUrl"]).path
        asked = urlsplit(str(response.request.url))
        requests.put(f"{asked.scheme}://{asked.netloc}{path}", data=jpeg(), timeout=20)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (160, 200), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


if os.environ["SIGNING_SECRET"]:
    schemathesis.auth.set_from_requests(AppProxy())
