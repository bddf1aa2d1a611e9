"""As much of Shopify's two schemas (2026-10) as is asked of them, with its names and nullability."""

from __future__ import annotations

from graphql import build_schema

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
  publicApiVersions: [ApiVersion!]!
}
type Shop { id: ID!  name: String!  primaryDomain: Domain! }
type Domain { host: String!  url: URL!  sslEnabled: Boolean! }
type ApiVersion { handle: String!  displayName: String!  supported: Boolean! }
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

extend type Query {
  customerByIdentifier(identifier: CustomerIdentifierInput!): Customer
  currentAppInstallation: AppInstallation!
  webhookSubscriptions(first: Int, after: String): WebhookSubscriptionConnection!
  themes(first: Int, after: String, roles: [ThemeRole!]): OnlineStoreThemeConnection
}
type AccessScope { handle: String!  description: String! }
type AppInstallation implements Node { id: ID!  accessScopes: [AccessScope!]! }
enum WebhookSubscriptionTopic { APP_UNINSTALLED PRODUCTS_UPDATE PRODUCTS_DELETE ORDERS_CREATE }
type WebhookSubscription implements Node { id: ID!  topic: WebhookSubscriptionTopic!  uri: String! }
type WebhookSubscriptionConnection { nodes: [WebhookSubscription!]!  pageInfo: PageInfo! }
enum ThemeRole { ARCHIVED DEMO DEVELOPMENT LOCKED MAIN UNPUBLISHED }
type OnlineStoreTheme implements Node {
  id: ID!  name: String!  role: ThemeRole!
  files(filenames: [String!], first: Int, after: String): OnlineStoreThemeFileConnection
}
type OnlineStoreThemeConnection { nodes: [OnlineStoreTheme!]!  pageInfo: PageInfo! }
type OnlineStoreThemeFileConnection { nodes: [OnlineStoreThemeFile!]!  pageInfo: PageInfo! }
type OnlineStoreThemeFile { filename: String!  body: OnlineStoreThemeFileBody! }
union OnlineStoreThemeFileBody = OnlineStoreThemeFileBodyText | OnlineStoreThemeFileBodyUrl
type OnlineStoreThemeFileBodyText { content: String! }
type OnlineStoreThemeFileBodyUrl { url: URL! }

scalar DateTime
enum CustomerEmailMarketingState { INVALID NOT_SUBSCRIBED PENDING REDACTED SUBSCRIBED UNSUBSCRIBED }
enum CustomerEmailAddressMarketingState { INVALID NOT_SUBSCRIBED PENDING SUBSCRIBED UNSUBSCRIBED }
enum CustomerMarketingOptInLevel { CONFIRMED_OPT_IN SINGLE_OPT_IN UNKNOWN }
type CustomerEmailAddress { emailAddress: String!  marketingState: CustomerEmailAddressMarketingState! }
type Customer implements Node { id: ID!  tags: [String!]!  defaultEmailAddress: CustomerEmailAddress }
input CustomerIdentifierInput { id: ID  emailAddress: String  phoneNumber: String }
input CustomerEmailMarketingConsentInput {
  marketingState: CustomerEmailMarketingState!  marketingOptInLevel: CustomerMarketingOptInLevel
  consentUpdatedAt: DateTime  sourceLocationId: ID
}
input CustomerInput {
  id: ID  email: String  tags: [String!]  emailMarketingConsent: CustomerEmailMarketingConsentInput
}
input CustomerEmailMarketingConsentUpdateInput {
  customerId: ID!  emailMarketingConsent: CustomerEmailMarketingConsentInput!
}
enum CustomerEmailMarketingConsentUpdateUserErrorCode { INCLUSION INTERNAL_ERROR INVALID NOT_INCLUDED }
type UserError { field: [String!]  message: String! }
type CustomerEmailMarketingConsentUpdateUserError {
  code: CustomerEmailMarketingConsentUpdateUserErrorCode  field: [String!]  message: String!
}
type CustomerCreatePayload { customer: Customer  userErrors: [UserError!]! }
type CustomerEmailMarketingConsentUpdatePayload {
  customer: Customer  userErrors: [CustomerEmailMarketingConsentUpdateUserError!]!
}
type TagsAddPayload { node: Node  userErrors: [UserError!]! }
type Mutation {
  customerCreate(input: CustomerInput!): CustomerCreatePayload
  customerEmailMarketingConsentUpdate(
    input: CustomerEmailMarketingConsentUpdateInput!
  ): CustomerEmailMarketingConsentUpdatePayload
  tagsAdd(id: ID!, tags: [String!]!): TagsAddPayload
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
