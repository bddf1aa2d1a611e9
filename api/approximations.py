"""What of the approximations that a request asks for its model can do, as far as its card tells."""

from __future__ import annotations

from functools import cache

from pydantic.alias_generators import to_camel

from api.contract import TryOn
from api.errors import BadRequest
from models.catalog import APPROXIMATIONS, CardError, ModelCard, read_card
from models.exactness import NONE, Approximations


def approximations_of(wanted: TryOn, card: str) -> Approximations:
    """Those that are asked for.

    Raises:
        BadRequest: the model has no such, is strict, or takes fewer steps. A card that only the workers have is theirs
            to ask.
    """
    if wanted.approximations is None:
        return NONE
    chosen = wanted.approximations.chosen
    if chosen.asked and (known := _card(card)) is not None:
        _check(chosen, known)
    return chosen


def _check(chosen: Approximations, card: ModelCard) -> None:
    if card.strict:
        raise BadRequest(f"The model {card.name} is strict: ask for no approximations.")
    for name in sorted(chosen.asked - APPROXIMATIONS.get(card.family, frozenset())):
        raise BadRequest(f"approximations.{to_camel(name)}: the model {card.name} has no such, ask without it.")
    if (chosen.num_inference_steps or 0) > card.num_inference_steps:
        raise BadRequest(f"approximations.numInferenceSteps: at most the model's own {card.num_inference_steps}.")


@cache
def _card(card: str) -> ModelCard | None:
    try:
        return read_card(card)
    except CardError:
        return None
