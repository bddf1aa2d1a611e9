"""`fitting-room products`: what is to be mended of the shops' products before shoppers try them on."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image

from api.decoding import Decoders
from api.errors import BadPhoto
from api.fetching import Fetcher
from api.photos import garment_picture
from scripts.options import settings_with
from scripts.products.catalogue import Item, items
from scripts.products.looks import problems_of
from scripts.products.page import page_of

app = typer.Typer(name="products", help="Look at the shops' products.", no_args_is_help=True)
app.callback()(lambda: None)

Output = Annotated[Path, typer.Option("--output", "-o", help="The page to write.")]


@app.command()
def check(output: Output = Path("products.html")) -> None:
    """List products that cannot be placed or have a poor picture, as a page with thumbnails. The last line is JSON.

    Ends with 1 when there are any.
    """
    settings = settings_with()
    number, poor = asyncio.run(_poor(items(settings, Fetcher(settings.picture_hosts))))
    output.write_text(page_of(poor, number), encoding="utf-8")
    for item in poor:
        print(f"{item.title} ({item.product_id}): {' '.join(item.problems)}")
    print(json.dumps({"products": number, "to_mend": len(poor), "page": str(output)}))
    sys.exit(1 if poor else 0)


async def _poor(found: AsyncIterator[Item]) -> tuple[int, list[Item]]:
    """How many there are, and those with something to mend."""
    decoders, number, poor = Decoders(), 0, []
    async for item in found:
        number += 1
        looked_at = await _looked_at(item, decoders)
        if looked_at.problems:
            poor.append(looked_at)
    return number, poor


async def _looked_at(item: Item, decoders: Decoders) -> Item:
    """With what its picture shows, decoded as a stranger's."""
    if (data := item.picture) is None:
        return item
    try:
        made = await decoders.decode(garment_picture, lambda: data)
    except BadPhoto as error:
        return replace(item, problems=(*item.problems, str(error)), picture=None)
    with Image.open(io.BytesIO(made.data)) as picture:
        return replace(item, problems=(*item.problems, *problems_of(picture)), picture=made.data)
