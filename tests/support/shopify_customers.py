"""The customers of the stand-in's shops, with what Shopify has against them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Customer = dict[str, Any]
REFUSED = "refused.example.com"  # a domain at which no address is taken


@dataclass
class Customers:
    """Of one shop, by their addresses."""

    by_email: dict[str, Customer] = field(default_factory=dict)
    dates: dict[str, str | None] = field(default_factory=dict)  # address -> when they consented

    def add(self, email: str, state: str = "NOT_SUBSCRIBED", *tags: str) -> Customer:
        customer = {
            "__typename": "Customer",
            "id": f"gid://shopify/Customer/{len(self.by_email) + 1}",
            "tags": list(tags),
            "defaultEmailAddress": {"emailAddress": email, "marketingState": state},
        }
        self.by_email[email.lower()] = customer
        return customer

    def state(self, email: str) -> str:
        return str(self.by_email[email]["defaultEmailAddress"]["marketingState"])

    def find(self, _: Any, identifier: dict[str, str]) -> Customer | None:
        return self.by_email.get(identifier["emailAddress"].lower())

    def create(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        email, consent = input["email"], input.get("emailMarketingConsent")
        if email.lower() in self.by_email:
            return _refused("Email has already been taken")
        if email.endswith(REFUSED):
            return _refused("Email contains an invalid domain name")
        customer = self.add(email, consent["marketingState"] if consent else "NOT_SUBSCRIBED", *input.get("tags", ()))
        if consent:
            self.dates[email] = consent.get("consentUpdatedAt")
        return {"customer": customer, "userErrors": []}

    def update_consent(self, _: Any, input: dict[str, Any]) -> dict[str, Any]:
        customer = self._by_id(input["customerId"])
        customer["defaultEmailAddress"]["marketingState"] = input["emailMarketingConsent"]["marketingState"]
        return {"customer": customer, "userErrors": []}

    def add_tags(self, _: Any, id: str, tags: list[str]) -> dict[str, Any]:
        customer = self._by_id(id)
        customer["tags"] += tags
        return {"node": customer, "userErrors": []}

    def _by_id(self, name: str) -> Customer:
        return next(one for one in self.by_email.values() if one["id"] == name)


def _refused(why: str) -> dict[str, Any]:
    return {"customer": None, "userErrors": [{"field": ["email"], "message": why}]}
