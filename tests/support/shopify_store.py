"""A stand-in of Shopify: shops with products, both GraphQL APIs and the CDN, over real HTTP at a free port.

Queries are parsed, validated and executed by a GraphQL library against Shopify's names. Points are counted as Shopify
counts them, and a call that finds too few is refused in one of the two forms that are known.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import uvicorn
from graphql import GraphQLError, graphql_sync
from PIL import Image
from served import Served
from shopify_costs import actual_cost, requested_cost
from shopify_customers import Customers
from shopify_schema import SCHEMAS
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

SCOPES = ("read_products", "read_customers", "write_customers", "read_themes", "write_app_proxy")
TOKENS = {"admin": ("x-shopify-access-token", "shpat_token"), "storefront": ("shopify-storefront-private-token", "st")}
MOST_OF_ONE_QUERY = 1000
Product = dict[str, Any]


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def picture(colour: str = "teal", size: tuple[int, int] = (160, 200)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Bucket:
    """Of points, as one app has it at one shop."""

    size: float = 2000.0
    rate: float = 100.0
    left: float = 2000.0
    at: float = field(default_factory=time.monotonic)

    def refill(self) -> None:
        now = time.monotonic()
        self.left, self.at = min(self.size, self.left + self.rate * (now - self.at)), now

    def status(self) -> dict[str, float]:
        return {"maximumAvailable": self.size, "currentlyAvailable": int(self.left), "restoreRate": self.rate}


@dataclass
class Shop:
    """What one shop lists. `Store` gives it an address."""

    base: str = ""
    products: dict[str, Product] = field(default_factory=dict)
    variants: dict[str, Product] = field(default_factory=dict)
    bucket: Bucket = field(default_factory=Bucket)
    customers: Customers = field(default_factory=Customers)
    scopes: list[str] = field(default_factory=lambda: list(SCOPES))
    webhooks: dict[str, str] = field(default_factory=dict)  # topic -> address, of the subscriptions made by the API
    theme_files: dict[str, str] = field(default_factory=dict)  # of the theme that is published
    versions: dict[str, bool] = field(default_factory=lambda: {"2026-10": True})  # whether each is supported
    domain: str = "www.a.example"  # as customers know it
    app: tuple[str, str] = ("client-id", "hush")  # whose client credentials get a token
    granted: list[str] = field(default_factory=list)  # tokens that work
    num_granted: int = 0
    emptied_every: int = 0  # calls, before which another process of the app has spent all points
    throttles_by_429: bool = False  # every other time
    failures: list[int] = field(default_factory=list)  # statuses of the next calls
    num_lost: int = 0  # mutations that are done and whose answers are lost
    num_answered: int = 0
    num_throttled: int = 0
    num_calls: int = 0

    def medium(self, name: str, kind: str = "IMAGE", *, is_ready: bool = True) -> dict[str, Any]:
        """Of a picture `name` at the CDN: itself, or the still of a film or model."""
        image = {"url": f"{self.base}/cdn/{name}?v=1", "width": 160, "height": 200} if is_ready else None
        preview = {"status": "READY" if is_ready else "PROCESSING", "image": image}
        types = {"IMAGE": "MediaImage", "VIDEO": "Video", "MODEL_3D": "Model3d"}
        shown = {"image": image} if kind == "IMAGE" else {}
        common = {"id": gid(types[kind], 1), "mediaContentType": kind, "preview": preview, "previewImage": image}
        return {"__typename": types[kind], **common, **shown}

    def add(self, number: int, *media: dict[str, Any], title: str = "", **told: Any) -> Product:
        """A product for sale with these media, the first of them featured."""
        taxonomy = told.pop("category", None)
        first = media[0] if media else None
        images = [one["image"] for one in media if one.get("image")]
        product = {
            "__typename": "Product",
            "id": gid("Product", number),
            "title": title or f"Product {number}",
            "handle": f"product-{number}",
            "status": "ACTIVE",
            "productType": "T-Shirts",
            "tags": [],
            "category": {"id": "c", "name": taxonomy.split(" > ")[-1], "fullName": taxonomy} if taxonomy else None,
            "featuredMedia": first,
            "featuredImage": images[0] if images else None,
            "media": connection(list(media)),
            **told,
        }
        self.products[product["id"]] = product
        return product

    def add_variant(self, number: int, product: Product, *media: dict[str, Any]) -> None:
        image = media[0]["image"] if media else product["featuredImage"]
        self.variants[gid("ProductVariant", number)] = {
            "__typename": "ProductVariant",
            "id": gid("ProductVariant", number),
            "title": f"Variant {number}",
            "product": product,
            "image": image,
            "media": connection(list(media)),
        }

    def answer(self, api: str, query: str, variables: dict[str, Any]) -> tuple[int, dict[str, Any], dict[str, str]]:
        self.num_calls += 1
        if self.failures:
            return self.failures.pop(0), {}, {}
        if self.emptied_every and self.num_calls % self.emptied_every == 0:
            self.bucket.refill()
            self.bucket.left = 0
        cost = requested_cost(SCHEMAS[api], query, variables)
        if cost > MOST_OF_ONE_QUERY:
            return 200, {"errors": [{"message": "Too costly", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}, {}
        if api == "admin" and (throttled := self._throttled(cost)):
            return throttled
        result = graphql_sync(SCHEMAS[api], query, self._root(api), variable_values=variables)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            told = [{"message": error.message, "extensions": error.extensions or {}} for error in result.errors]
            return 200, {"errors": told}, {}
        if self.num_lost and query.startswith("mutation"):
            self.num_lost -= 1
            return 502, {}, {}
        self.num_answered += 1
        if api == "admin":
            spent = actual_cost(result.data)
            self.bucket.left += cost - spent
            body["extensions"] = {
                "cost": {"requestedQueryCost": cost, "actualQueryCost": spent, "throttleStatus": self.bucket.status()}
            }
        return 200, body, {}

    def _throttled(self, cost: int) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        self.bucket.refill()
        if self.bucket.left >= cost:
            self.bucket.left -= cost
            return None
        self.num_throttled += 1
        if self.throttles_by_429 and self.num_throttled % 2:
            return 429, {"errors": "Exceeded the rate limit"}, {"Retry-After": "0.1"}
        told = {"requestedQueryCost": cost, "actualQueryCost": None, "throttleStatus": self.bucket.status()}
        error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
        return 200, {"errors": [error], "extensions": {"cost": told}}, {}

    def _root(self, api: str) -> dict[str, Any]:
        """What the Storefront API tells is for sale, and nothing else is there."""
        seen = [one for one in self.products.values() if api == "admin" or one["status"] == "ACTIVE"]
        known = {one["id"]: one for one in seen}
        known |= {name: one for name, one in self.variants.items() if one["product"]["id"] in known}
        return {
            "nodes": lambda _, ids: [known.get(name) for name in ids],
            "product": lambda _, id: known.get(id),
            "products": connection(seen),
            "shop": {"id": gid("Shop", 1), "name": "The shop", "primaryDomain": self._domain()},
            "publicApiVersions": [
                {"handle": name, "displayName": name, "supported": is_supported}
                for name, is_supported in self.versions.items()
            ],
            **(self._admin_root() if api == "admin" else {}),
        }

    def _domain(self) -> dict[str, Any]:
        return {"host": self.domain, "url": f"https://{self.domain}", "sslEnabled": True}

    def _admin_root(self) -> dict[str, Any]:
        files = [{"filename": name, "body": _text(content)} for name, content in self.theme_files.items()]

        def theme_files(_: Any, filenames: list[str], first: int = 50, after: str | None = None) -> Any:
            shown = [one for one in files if any(fnmatch(one["filename"], pattern) for pattern in filenames)]
            return connection(shown)(_, first, after)

        theme = {"id": gid("OnlineStoreTheme", 1), "name": "Dawn", "role": "MAIN", "files": theme_files}
        hooks = [
            {"id": gid("WebhookSubscription", number), "topic": topic, "uri": uri}
            for number, (topic, uri) in enumerate(self.webhooks.items())
        ]
        found = {
            "customerByIdentifier": self.customers.find,
            "customerCreate": self.customers.create,
            "customerEmailMarketingConsentUpdate": self.customers.update_consent,
            "tagsAdd": self.customers.add_tags,
        }
        needed = {name: "read_customers" if name == "customerByIdentifier" else "write_customers" for name in found}
        return {
            "currentAppInstallation": {
                "id": gid("AppInstallation", 1),
                "accessScopes": [{"handle": name, "description": name} for name in self.scopes],
            },
            "webhookSubscriptions": connection(hooks),
            "themes": self._guarded("read_themes", lambda _, roles=(), **page: connection([theme])(_, **page)),
            **{name: self._guarded(needed[name], resolve) for name, resolve in found.items()},
        }

    def _guarded(self, scope: str, resolve: Any) -> Any:
        def guarded(info: Any, **arguments: Any) -> Any:
            if scope not in self.scopes:
                said = f"Access denied. Required access: `{scope}` access scope."
                raise GraphQLError(said, extensions={"code": "ACCESS_DENIED"})
            return resolve(info, **arguments)

        return guarded

    def grant(self, client_id: str, secret: str) -> dict[str, Any] | None:
        if (client_id, secret) != self.app:
            return None
        self.num_granted += 1
        self.granted.append(f"shpat_granted_{self.num_granted}")
        return {"access_token": self.granted[-1], "scope": ",".join(self.scopes), "expires_in": 86399}


def _text(content: str) -> dict[str, str]:
    return {"__typename": "OnlineStoreThemeFileBodyText", "content": content}


def connection(items: list[Any]) -> Any:
    def resolve(_: Any, first: int = 10, after: str | None = None) -> dict[str, Any]:
        begin = int(after or 0)
        end = begin + first
        page = {"hasNextPage": end < len(items), "endCursor": str(end)}
        return {"nodes": items[begin:end], "pageInfo": page}

    return resolve


class Store(Served):
    """The whole of Shopify, as a context manager: shops by their domain."""

    def __init__(self) -> None:
        self.shops: dict[str, Shop] = {}
        self.pictures: dict[str, bytes] = {}
        self.is_held, self.num_held = False, 0
        self.queries: list[dict[str, Any]] = []  # of the GraphQL APIs
        self.asked: list[str] = []  # of the CDN: `200 name` or `304 name`
        routes = [
            Route("/{shop}/admin/api/2026-10/graphql.json", self._admin, methods=["POST"]),
            Route("/{shop}/api/2026-10/graphql.json", self._storefront, methods=["POST"]),
            Route("/{shop}/admin/oauth/access_token", self._grant, methods=["POST"]),
            Route("/cdn/{name:path}", self._cdn),
        ]
        config = uvicorn.Config(Starlette(routes=routes), port=0, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Instead of `https://{shop}`."""
        return self.url + "/{shop}"

    def shop(self, domain: str) -> Shop:
        return self.shops.setdefault(domain, Shop(self.url))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Meanwhile the shops take what they are asked, and do not answer. `num_held`: how often."""
        self.is_held, self.num_held = True, 0
        try:
            yield
        finally:
            self.is_held = False

    async def _admin(self, request: Request) -> Response:
        return await self._graphql("admin", request)

    async def _storefront(self, request: Request) -> Response:
        return await self._graphql("storefront", request)

    async def _graphql(self, api: str, request: Request) -> Response:
        header, token = TOKENS[api]
        shop = self.shops[request.path_params["shop"]]
        known = [token, *(shop.granted if api == "admin" else ())]
        if request.headers.get(header) not in known:
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, 401)
        asked = await request.json()
        if self.is_held:
            self.num_held += 1
        while self.is_held:
            await asyncio.sleep(0.01)
        self.queries.append(asked)
        status, body, headers = shop.answer(api, asked["query"], asked.get("variables") or {})
        return JSONResponse(body, status, headers)

    async def _grant(self, request: Request) -> Response:
        async with request.form() as form:
            granted = self.shops[request.path_params["shop"]].grant(str(form["client_id"]), str(form["client_secret"]))
        if granted is None:
            return JSONResponse({"error": "invalid_client", "error_description": "Wrong."}, 400)
        return JSONResponse(granted)

    async def _cdn(self, request: Request) -> Response:
        name = request.path_params["name"]
        if (data := self.pictures.get(name)) is None:
            return Response(status_code=404)
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        status = 304 if request.headers.get("if-none-match") == etag else 200
        self.asked.append(f"{status} {name}")
        headers = {"ETag": etag, "Cache-Control": "public, max-age=31557600"}
        return Response(b"" if status == 304 else data, status, headers, "image/png")
