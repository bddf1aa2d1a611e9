"""The page that shows what `fitting-room products check` found."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable

from PIL import Image

from scripts.products.catalogue import Item

THUMBNAIL = 160  # pixels
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Products to mend</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }}
article {{ display: flex; gap: 1rem; padding: 1rem 0; border-top: 1px solid #ccc; }}
figure {{ margin: 0; width: 160px; flex: none; }}
h2 {{ font-size: 1.1rem; margin: 0; }} p {{ margin: 0; color: #555; }}
</style></head>
<body><h1>Products to mend</h1><p>{summary}</p>
{articles}
</body></html>
"""
ARTICLE = (
    """<article><figure>{picture}</figure><div><h2>{title}</h2><p>{about}</p><ul>{problems}</ul></div></article>"""
)


def page_of(poor: Iterable[Item], num_looked_at: int) -> str:
    """HTML with everything in it."""
    articles = [_article(item) for item in poor]
    return PAGE.format(summary=f"{len(articles)} of {num_looked_at} products.", articles="\n".join(articles))


def _article(item: Item) -> str:
    title, about = html.escape(item.title), html.escape(" ".join(filter(None, (item.shop, item.product_id))))
    problems = "".join(f"<li>{html.escape(problem)}</li>" for problem in item.problems)
    return ARTICLE.format(picture=_thumbnail(item), title=title, about=about, problems=problems)


def _thumbnail(item: Item) -> str:
    if item.picture is None:
        return ""
    try:
        with Image.open(io.BytesIO(item.picture)) as picture:
            small = picture.convert("RGBA")
            small.thumbnail((THUMBNAIL, THUMBNAIL))
            buffer = io.BytesIO()
            small.save(buffer, "PNG")
    except (OSError, ValueError):
        return ""
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{html.escape(item.title)}" src="data:image/png;base64,{encoded}">'
