"""What a batch asked for, settled with its card: how it is sampled, and whether that can be done here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from inference.jobs import BatchKey, ErrorCode, GenerationError
from models.base import SamplingSettings
from models.catalog import CardError
from models.exactness import NONE, Exactness, Optimisation

if TYPE_CHECKING:
    from models.card import ModelCard

NAMES = {
    "num_inference_steps": "fewer steps",
    "guidance_interval": "a guidance interval",
    "garment_reuse_steps": "garment reuse between steps",
}


def settings_of(batch: BatchKey, card: ModelCard) -> SamplingSettings:
    """What the batch says, over what the card says; a strict one takes none of the card's approximations."""
    chosen = NONE if batch.strict else batch.approximations.over(card.approximations)
    steps, guidance = batch.num_inference_steps, batch.guidance_scale
    return SamplingSettings(
        num_inference_steps=steps or chosen.num_inference_steps or card.num_inference_steps,
        guidance_scale=card.guidance_scale if guidance is None else guidance,
        approximations=chosen,
    )


def fewer_steps(settings: SamplingSettings, card: ModelCard) -> tuple[Optimisation, ...]:
    """Its name in the result, when a picture is made in fewer steps than the card's."""
    steps, usual = settings.num_inference_steps, card.num_inference_steps
    return (Optimisation(f"{steps} steps instead of {usual}", Exactness.APPROXIMATE),) if steps < usual else ()


def together(num_jobs: int) -> tuple[Optimisation, ...]:
    """Its name in the result, when a picture is made with others: the order of sums depends on how many there are."""
    return (Optimisation(f"batch of {num_jobs}", Exactness.NEAR),) if num_jobs > 1 else ()


def check_offered(batch: BatchKey, card: ModelCard, honoured: Iterable[str], making: Iterable[Optimisation]) -> None:
    """That the batch can be made as it wants to be. `honoured`: the family's; `making`: what would make it cheaper.

    Raises:
        GenerationError: it asks for an approximation that there is not, or is strict where something is approximate.
    """
    for name in sorted(batch.approximations.asked - set(honoured)):
        raise _not_offered(f"The model {card.name} can't make pictures with {NAMES[name]}: ask without it.")
    if (batch.approximations.num_inference_steps or 0) > card.num_inference_steps:
        raise _not_offered(f"The model {card.name} takes {card.num_inference_steps} steps: ask for no more.")
    if (batch.strict or card.strict) and (names := _approximate(making)):
        raise _not_offered(f"This picture would be made with {names}, which strict refuses: ask without one of them.")


def check_card(card: ModelCard, honoured: Iterable[str], making: Iterable[Optimisation]) -> None:
    """That the card itself can be kept to.

    Raises:
        CardError: it asks for an approximation that there is not, or is strict where something is approximate.
    """
    if unknown := sorted(card.approximations.asked - set(honoured)):
        raise CardError(
            f"The model card {card.name} asks for {NAMES[unknown[0]]}, which its family {card.family} has not: "
            f"take approximations.{unknown[0]} out."
        )
    if card.strict and (names := _approximate(making)):
        raise CardError(f"The model card {card.name} is strict, and is run with {names}: take one of them out.")


def _approximate(making: Iterable[Optimisation]) -> str:
    return ", ".join(one.name for one in making if one.exactness is Exactness.APPROXIMATE)


def _not_offered(sentence: str) -> GenerationError:
    return GenerationError(ErrorCode.NOT_OFFERED, sentence)
