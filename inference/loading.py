"""A card's family on a device: whether it fits, and what its placement costs."""

from __future__ import annotations

import logging
import pkgutil
from typing import Any

import torch

from models.base import Loading, TryOnFamily
from models.catalog import FAMILIES, CardError, ModelCard
from models.footprint import GB, LINK_BYTES_S, told_of
from models.placement import check_fits, does_not_fit, link_bytes_s

logger = logging.getLogger(__name__)


def family_of(card: ModelCard) -> type[TryOnFamily[Any, Any, Any]]:
    """The class that the card's family names."""
    family: type[TryOnFamily[Any, Any, Any]] = pkgutil.resolve_name(FAMILIES[card.family])
    return family


def loaded(card: ModelCard, device: torch.device, loading: Loading) -> TryOnFamily[Any, Any, Any]:
    """The card's family, with its weights where the card says; the cost of that is told.

    Raises:
        CardError: the family cannot be placed so, or the card does not fit the device's memory.
        models.weights.WeightsError: the checkpoint is not whole; the message names the command.
    """
    family = family_of(card)
    if card.placement not in family.placements:
        raise CardError(
            f"{card.title} cannot be placed as {card.placement!r}: say placement = "
            f"{' or '.join(repr(name) for name in sorted(family.placements))} in its card."
        )
    memory = device_bytes(device)
    if memory is None:
        return _told(card, family.load(card, device, loading), LINK_BYTES_S)
    check_fits(card, memory)
    try:
        return _told(card, family.load(card, device, loading), link_bytes_s(device))
    except torch.OutOfMemoryError as error:
        raise does_not_fit(card, memory) from error


def device_bytes(device: torch.device) -> int | None:
    """The memory of a GPU; None of a CPU, which has the host's."""
    if device.type != "cuda":
        return None
    return int(torch.cuda.get_device_properties(device).total_memory)


def tell_peak(device: torch.device) -> None:
    """What the pictures so far took of a GPU's memory at most."""
    if device.type == "cuda":
        logger.info("%.3g GB of %s were used at most", torch.cuda.max_memory_allocated(device) / GB, device)


def _told(card: ModelCard, family: TryOnFamily[Any, Any, Any], rate: float) -> TryOnFamily[Any, Any, Any]:
    if told := told_of(card, rate):
        logger.info("%s, placement %s: %s", card.name, card.placement, told)
    return family
