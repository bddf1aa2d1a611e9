"""CatVTON's checkpoint: the self-attentions of a UNet, saved as a list without the names of its places.

The list holds each `attn1` and then the modules within it, so the number before a key says nothing by itself: the file
is read by the order of its numbers. Tensors that are shared between a module and its parent appear once or twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from models.catalog import ModelCard
from models.weights import WeightsError

LEADS_BY = "to_q.weight"
"""Whoever has it is an `attn1`; what follows, up to the next, is within it."""

_KEY = re.compile(r"(\d+)\.(.+)")


def attention_tensors(
    tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size], card: ModelCard
) -> dict[str, Tensor]:
    """The file's tensors by their keys in the UNet. `shapes`: of all `attn1` keys, in the order of the UNet's modules.

    Raises:
        WeightsError: a key is missing, of another shape, or neither an attention's nor a copy of one of its tensors.
    """
    slots = _slots(tensors, card)
    leaders = sorted(number for number, slot in slots.items() if LEADS_BY in slot)
    places = _places(shapes)
    if len(leaders) != len(places):
        raise _refusal(card, f"it has {len(leaders)} attentions, not {len(places)}")
    named: dict[str, Tensor] = {}
    for place, leader in zip(places, leaders, strict=True):
        wanted = {key.removeprefix(place): shape for key, shape in shapes.items() if key.startswith(place)}
        _check(slots[leader], wanted, leader, card)
        named |= {place + key: tensor for key, tensor in slots[leader].items()}
    for number in slots.keys() - set(leaders):
        before = [leader for leader in leaders if leader < number]
        _check_copies(number, slots[number], slots[before[-1]] if before else {}, card)
    return named


def _slots(tensors: Mapping[str, Tensor], card: ModelCard) -> dict[int, dict[str, Tensor]]:
    slots: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise _refusal(card, f"unexpected {key}")
        slots.setdefault(int(match[1]), {})[match[2]] = tensor
    return slots


def _places(shapes: Mapping[str, torch.Size]) -> Sequence[str]:
    """`down_blocks...attn1.` and so on, in order."""
    return list(dict.fromkeys(key[: key.index(".attn1.") + len(".attn1.")] for key in shapes))


def _check(slot: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], number: int, card: ModelCard) -> None:
    if wrong := sorted(slot.keys() ^ wanted.keys()):
        problem = "missing" if wrong[0] in wanted else "unexpected"
        raise _refusal(card, f"{problem} {number}.{wrong[0]}")
    for key, tensor in slot.items():
        if tensor.shape != wanted[key]:
            raise _refusal(card, f"{number}.{key} is {list(tensor.shape)}, not {list(wanted[key])}")


def _check_copies(number: int, slot: Mapping[str, Tensor], leader: Mapping[str, Tensor], card: ModelCard) -> None:
    for key, tensor in slot.items():
        kind = key.rpartition(".")[2]  # weight or bias
        if not any(own.endswith(f".{kind}") and torch.equal(tensor, one) for own, one in leader.items()):
            raise _refusal(card, f"unexpected {number}.{key}, which copies nothing before it")


def _refusal(card: ModelCard, problem: str) -> WeightsError:
    return WeightsError(f"The attention weights of {card.name} do not fit its network: {problem}. {card.correcting}")
