"""As much of Shopify's two schemas (2026-10) as is asked of them, with its names and nullability, and its costs."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    VariableNode,
    build_schema,
    get_named_type,
    is_leaf_type,
    parse,
)

COMMON = """
scalar URL
interface Node { id: ID! }
type Image { id: ID  url: URL!  width: Int  height: Int  altText: String }
type PageInfo { hasNextPage: Boolean!  endCursor: String }
enum MediaContentType { IMAGE VIDEO EXTERNAL_VIDEO MODEL_3D }
type Query {
  nodes(ids: [ID!]!): [Node]!
  product(id: ID!): Product
  products(first: Int, after: String): ProductConnection!
  shop: Shop!
}
type Shop { id: ID!  name: String! }
type ProductConnection { nodes: [Product!]!  pageInfo: PageInfo! }
type MediaConnection { nodes: [Media!]!  pageInfo: PageInfo! }
"""
ADMIN = (
    COMMON
    + """
enum ProductStatus { ACTIVE ARCHIVED DRAFT UNLISTED }
enum MediaPreviewImageStatus { FAILED PROCESSING READY UPLOADED }
type MediaPreviewImage { status: MediaPreviewImageStatus!  image: Image }
interface Media { id: ID!  alt: String  mediaContentType: MediaContentType!  preview: MediaPreviewImage }
type MediaImage implements Node & Media {
  id: ID!  alt: String  mediaContentType: MediaContentType!  preview: MediaPreviewImage  image: Image
}
type Video implements Node & Media {
  id: ID!  alt: String  mediaContentType: MediaContentType!  preview: MediaPreviewImage
}
type Model3d implements Node & Media {
  id: ID!  alt: String  mediaContentType: MediaContentType!  preview: MediaPreviewImage
}
type TaxonomyCategory implements Node { id: ID!  name: String!  fullName: String! }
type Product implements Node {
  id: ID!  title: String!  handle: String!  status: ProductStatus!  productType: String!  tags: [String!]!
  category: TaxonomyCategory  featuredMedia: Media  media(first: Int, after: String): MediaConnection!
}
type ProductVariant implements Node {
  id: ID!  title: String!  product: Product!  media(first: Int, after: String): MediaConnection!
}
"""
)
STOREFRONT = (
    COMMON
    + """
interface Media { id: ID!  alt: String  mediaContentType: MediaContentType!  previewImage: Image }
type MediaImage implements Node & Media {
  id: ID!  alt: String  mediaContentType: MediaContentType!  previewImage: Image  image: Image
}
type Video implements Node & Media { id: ID!  alt: String  mediaContentType: MediaContentType!  previewImage: Image }
type Model3d implements Node & Media { id: ID!  alt: String  mediaContentType: MediaContentType!  previewImage: Image }
type TaxonomyCategory implements Node { id: ID!  name: String! }
type Product implements Node {
  id: ID!  title: String!  handle: String!  productType: String!  tags: [String!]!
  category: TaxonomyCategory  featuredImage: Image  media(first: Int, after: String): MediaConnection!
}
type ProductVariant implements Node { id: ID!  title: String!  product: Product!  image: Image }
"""
)
SCHEMAS = {"admin": build_schema(ADMIN), "storefront": build_schema(STOREFRONT)}


def requested_cost(schema: GraphQLSchema, query: str, variables: dict[str, Any]) -> int:
    """Before anything is looked up: an object is 1, a scalar 0, and lists are as long as they may be."""
    document = parse(query)
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    (operation,) = (one for one in document.definitions if isinstance(one, OperationDefinitionNode))

    def of(selections: Any, kind: Any) -> int:
        total = 0
        alternatives: dict[str, int] = {}
        for one in selections:
            if isinstance(one, FieldNode):
                total += of_field(one, kind)
                continue
            part = fragments[one.name.value] if isinstance(one, FragmentSpreadNode) else one
            named = part.type_condition.name.value if part.type_condition else kind.name
            cost = of(part.selection_set.selections, schema.get_type(named))
            if named == kind.name or kind.name not in ("Node", "Media"):
                total += cost
            else:
                alternatives[named] = alternatives.get(named, 0) + cost
        return total + max(alternatives.values(), default=0)

    def of_field(field: FieldNode, kind: Any) -> int:
        if field.name.value.startswith("__"):
            return 0
        found = get_named_type(kind.fields[field.name.value].type)
        if is_leaf_type(found):
            return 0
        assert field.selection_set
        inner = of(field.selection_set.selections, found)
        if field.name.value in ("nodes", "edges"):
            return inner + 1 if kind.name != "Query" else length(field) * (inner + 1)
        if found.name.endswith("Connection"):
            return length(field) * inner
        return inner + 1

    def length(field: FieldNode) -> int:
        value = next(one.value for one in field.arguments if one.name.value in ("first", "last", "ids"))
        if isinstance(value, VariableNode):
            given = variables[value.name.value]
            return len(given) if isinstance(given, list) else int(given)
        assert isinstance(value, IntValueNode)
        return int(value.value)

    return of(operation.selection_set.selections, schema.query_type)


def actual_cost(data: Any) -> int:
    """Afterwards: the objects that were found."""
    if isinstance(data, list):
        return sum(map(actual_cost, data))
    if not isinstance(data, dict):
        return 0
    return sum(actual_cost(value) + isinstance(value, dict) for value in data.values()) + sum(
        len(value) for value in data.values() if isinstance(value, list) and value and isinstance(value[0], dict)
    )
