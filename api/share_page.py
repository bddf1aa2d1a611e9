"""The page that shows a shared picture, with what other sites show of it."""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING

from api.headers import page_headers

if TYPE_CHECKING:
    from datetime import datetime

STYLE = (
    "body{margin:0;font:16px/1.5 system-ui,sans-serif;text-align:center;background:#fff;color:#222}"
    "main{max-width:40rem;margin:auto;padding:1.5rem}img{max-width:100%;height:auto}a{color:inherit}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
PAGE_HEADERS = page_headers(f"style-src 'sha256-{STYLE_HASH}'; img-src 'self'") | {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta property="og:type" content="website"><meta property="og:title" content="{title}">
<meta property="og:description" content="{note}"><meta property="og:url" content="{url}">
<meta property="og:image" content="{url}/picture"><meta property="og:image:type" content="image/png">
<meta name="twitter:card" content="summary_large_image"><meta name="twitter:title" content="{title}">
<meta name="twitter:description" content="{note}"><meta name="twitter:image" content="{url}/picture">
<style>{style}</style></head>
<body><main><h1>{title}</h1><img src="{url}/picture" alt="{title}"><p>{note}</p>
<p><a href="https://{domain}" rel="noopener">{domain}</a></p></main></body></html>
"""
NOTE = "A picture made by a computer: the garment was put on by a model. It can be seen here until {until}."


def page_of(domain: str, url: str, until: datetime) -> str:
    """HTML. `url`: of the page itself, which leads back to `domain` and can be seen `until` then."""
    note = NOTE.format(until=until.strftime("%d %B %Y"))
    told = {"title": f"Tried on at {domain}", "note": note, "url": url, "domain": domain}
    return PAGE.format(style=STYLE, **{name: html.escape(text) for name, text in told.items()})
