"""A stand-in of a shop's storefront with a theme: a product page with the block of the theme app extension.

The block is the file that ships, with Shopify's own tags and filters added to the Liquid library's. Behind the page lie
Shopify's cart and its app proxy, which can also keep back or cut an event stream, as proxies do.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app_proxy import AppProxy
from liquid import Environment, FileSystemLoader
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

EXTENSION = Path(__file__).parents[2] / "shopify" / "extensions" / "fitting-room"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src http: blob:; connect-src http:"
)
RIGHT_TO_LEFT = {"ar"}

THEME = """
* { box-sizing: border-box }
html { font-size: 62.5% }
body { margin: 0; font: 1.6rem/1.6 Georgia, serif; letter-spacing: .06rem; color: #3a3027; background: #fffdf8 }
main { display: grid; gap: 4rem; padding: 2.4rem; max-width: 120rem; margin: auto }
main { grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)) }
.photo { width: 100%; aspect-ratio: 4 / 5; object-fit: cover; background: #eee6da }
form { display: grid; gap: 1.2rem }
select { min-height: 4.8rem; font: inherit }
.button { width: 100%; min-height: 4.8rem; margin-bottom: 1.2rem; font: inherit; letter-spacing: .1rem }
.button { border: 1px solid #3a3027; background: #3a3027; color: #fff }
.button--secondary { background: transparent; color: #3a3027 }
"""
PAGE = """<!doctype html>
<html lang="{language}" dir="{direction}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/theme.css">
<script src="/extension/{script}" defer></script></head>
<body><main><img class="photo" src="{image}" alt="{title}">
<section class="shopify-section"><h1>{title}</h1>
<form action="/cart/add" method="post"><label>Colour <select name="id">{options}</select></label>
<button class="button" type="button">Buy it</button></form>
<div>{block}</div>
<p>A shirt that is cut straight, with a soft collar.</p></section></main></body></html>
"""


@dataclass
class ThemeStore(AppProxy):
    """`product`: as Liquid's; `settings`: of the block, beside its defaults; `events`: what its proxy does to streams.

    `cart`: the lines that were added; `told`: the bodies with events that came. `data`: the service's folder.
    """

    product: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    events: Literal["pass", "keep back", "cut"] = "pass"
    cart: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    data: Path = Path()

    async def _page(self, request: Request) -> Response:
        path = request.url.path
        language = path.split("/")[1] if re.match(r"/[a-z]{2}/", path) else "en"
        if path.endswith("/cart/add.js"):
            return self._add(await request.json())
        if path.startswith("/extension/"):
            return FileResponse(EXTENSION / "assets" / Path(path).name)
        if path == "/theme.css":
            return Response(THEME, media_type="text/css")
        if path.endswith("/products/shirt"):
            chosen = request.query_params.get("variant", "")
            page = self._product_page(language, chosen)
            return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
        return await super()._page(request)

    def _add(self, asked: dict[str, Any]) -> Response:
        (line,) = asked["items"]
        variant = next(one for one in self.product["variants"] if one["id"] == line["id"])
        if not variant["available"]:
            told = {"status": 422, "message": "Cart Error", "description": "All of these are in your cart."}
            return JSONResponse(told, 422)
        self.cart.append(line)
        return JSONResponse({"items": [line | {"title": variant["title"]}]})

    def _product_page(self, language: str, chosen: str) -> str:
        options = "".join(
            f'<option value="{one["id"]}"{" selected" * (str(one["id"]) == chosen)}>{one["title"]}</option>'
            for one in self.product["variants"]
        )
        direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
        block, script = self._block(language)
        shown = {"language": language, "direction": direction, "title": html.escape(self.product["title"])}
        return PAGE.format(options=options, block=block, script=script, image=self.product["featured_image"], **shown)

    def _block(self, language: str) -> tuple[str, str]:
        """As a theme renders it, and the script that its schema names."""
        source = (EXTENSION / "blocks" / "try-on.liquid").read_text()
        schema = json.loads(re.search(r"{% schema %}(.*){% endschema %}", source, re.DOTALL)[1])  # type: ignore[index]
        defaults = {one["id"]: one.get("default", "") for one in schema["settings"] if "id" in one}
        prefix = "" if language == "en" else f"/{language}"
        template = _liquid(language).from_string(re.sub(r"{% schema %}.*", "", source, flags=re.DOTALL))
        rendered = template.render(
            block={"settings": defaults | {"product": self.product} | self.settings, "shopify_attributes": ""},
            routes={"cart_add_url": f"{prefix}/cart/add", "cart_url": f"{prefix}/cart"},
            shop={"privacy_policy": {"url": "/policies/privacy-policy"}},
        )
        return rendered, schema["javascript"]

    async def _forward(self, request: Request) -> Response:
        if request.url.path.endswith("/tracking/events"):
            self.told.append(await request.json())
        answer = await super()._forward(request)
        if not request.url.path.endswith("/events") or self.events == "pass":
            return answer
        assert isinstance(answer, StreamingResponse)
        answer.body_iterator = _held(answer.body_iterator) if self.events == "keep back" else _cut(answer.body_iterator)
        return answer


async def _held(body: Any) -> AsyncIterator[bytes]:
    """Nothing until all is there."""
    yield b"".join([chunk async for chunk in body])


async def _cut(body: Any) -> AsyncIterator[bytes]:
    """The first event, and no more."""
    async for chunk in body:
        yield chunk
        if chunk.strip():
            return


def _liquid(language: str) -> Environment:
    """Shopify's Liquid, as far as the block uses it."""
    name = "en.default" if language == "en" else language
    words = json.loads((EXTENSION / "locales" / f"{name}.json").read_text())
    env = Environment(loader=_Snippets(EXTENSION / "snippets", ext=".liquid"))
    env.filters["t"] = lambda key: words[key.split(".")[0]][key.split(".")[1]]
    env.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
    env.filters["image_url"] = lambda url, **_: url
    return env


class _Snippets(FileSystemLoader):
    """Shopify's `doc` tag is not the library's."""

    def get_source(self, *args: Any, **kwargs: Any) -> Any:
        found = super().get_source(*args, **kwargs)
        return found._replace(text=re.sub(r"{% doc %}.*?{% enddoc %}", "", found.text, flags=re.DOTALL))
