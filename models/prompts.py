"""The instructions of a card, for families that are told in words what to do."""

from __future__ import annotations

from models.catalog import CardError, ModelCard


def prompts_of(card: ModelCard) -> dict[str, str]:
    """Category -> instruction, for every category of the card.

    Raises:
        CardError: a category has none, or there is one for what is no category of the card.
    """
    for category in card.categories:
        prompt = card.prompts.get(category)
        if not isinstance(prompt, str) or not prompt.strip():
            raise CardError(f"The model card {card.name} needs a text for {category} in its [prompts].")
    if unknown := sorted(set(card.prompts) - set(card.categories)):
        raise CardError(
            f"The model card {card.name} has a prompt for {unknown[0]}, which is not among its categories: "
            f"{', '.join(card.categories)}."
        )
    return dict(card.prompts)
