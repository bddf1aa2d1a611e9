"""What is asked of Shopify's two APIs (2026-10), and how their answers are read.

Both tell any number of products and variants by their ids in one call; null stands for what there is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.sources.listed import Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VERSION = "2026-10"
MOST_IDS = 20  # in a call: some 560 of the 1000 points that one may cost
PAGE = 30  # products

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One of the two APIs. `by_id` takes `$ids`, `page` takes `$after`."""

    path: str
    token_header: str
    by_id: str
    page: str
    read: Callable[[Node], Listed]


ADMIN_FIELDS = """
fragment Shown on Media {
  preview { status image { url width height } }
  ... on MediaImage { image { url width height } }
}
fragment Listed on Product {
  id title status productType tags
  category { fullName }
  featuredMedia { ...Shown }
  media(first: 5) { nodes { mediaContentType ...Shown } }
}
"""
STOREFRONT_FIELDS = """
fragment Shown on Media {
  previewImage { url width height }
  ... on MediaImage { image { url width height } }
}
fragment Listed on Product {
  id title productType tags
  category { name }
  featuredImage { url width height }
  media(first: 5) { nodes { mediaContentType ...Shown } }
}
"""
ADMIN_VARIANT = "media(first: 1) { nodes { ...Shown } }"
STOREFRONT_VARIANT = "image { url width height }"


def _by_id(fields: str, variant: str) -> str:
    return f"""query ByIds($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    __typename
    ... on Product {{ ...Listed }}
    ... on ProductVariant {{ id title product {{ id }} {variant} }}
  }}
}}{fields}"""


def _page(fields: str) -> str:
    return f"""query Page($after: String) {{
  products(first: {PAGE}, after: $after) {{
    nodes {{ __typename ...Listed }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}{fields}"""


def _from_admin(node: Node) -> Listed:
    if node["__typename"] == "ProductVariant":
        return _listed(node, node["product"]["id"], (_shown(one) for one in node["media"]["nodes"]))
    media = node["media"]["nodes"]
    images = [one for one in media if one["mediaContentType"] == "IMAGE"]
    shown = (_shown(one) for one in (node["featuredMedia"], *images, *media) if one)
    taxonomy = (node["category"] or {}).get("fullName") or ""
    return _listed(node, node["id"], shown, status=node["status"], **_told(node), taxonomy=taxonomy)


def _from_storefront(node: Node) -> Listed:
    if node["__typename"] == "ProductVariant":
        return _listed(node, node["product"]["id"], [node["image"]])
    media = node["media"]["nodes"]
    images = [one for one in media if one["mediaContentType"] == "IMAGE"]
    shown = [*(_shown(one) for one in media[:1]), node["featuredImage"], *(_shown(one) for one in (*images, *media))]
    taxonomy = (node["category"] or {}).get("name") or ""
    return _listed(node, node["id"], shown, **_told(node), taxonomy=taxonomy)


def _told(node: Node) -> dict[str, Any]:
    return {"product_type": node["productType"] or "", "tags": tuple(node["tags"])}


def _shown(media: Node) -> Node | None:
    """The picture of a medium: itself, or the still of a film or a 3D model once Shopify has made it."""
    return media.get("image") or (media.get("preview") or {}).get("image") or media.get("previewImage")


def _listed(node: Node, product_id: str, pictures: Iterable[Node | None], **told: Any) -> Listed:
    best = next((picture for picture in pictures if picture and picture.get("url")), {})
    width, height = int(best.get("width") or 0), int(best.get("height") or 0)
    return Listed(product_id, node["title"], best.get("url", ""), width=width, height=height, **told)


ADMIN = Dialect(
    path=f"/admin/api/{VERSION}/graphql.json",
    token_header="X-Shopify-Access-Token",  # noqa: S106  # its name
    by_id=_by_id(ADMIN_FIELDS, ADMIN_VARIANT),
    page=_page(ADMIN_FIELDS),
    read=_from_admin,
)
STOREFRONT = Dialect(
    path=f"/api/{VERSION}/graphql.json",
    token_header="Shopify-Storefront-Private-Token",  # noqa: S106  # its name
    by_id=_by_id(STOREFRONT_FIELDS, STOREFRONT_VARIANT),
    page=_page(STOREFRONT_FIELDS),
    read=_from_storefront,
)
