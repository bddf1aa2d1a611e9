"""What the network says of a batch at each step: as published, or without the work that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self

import torch
from torch import Tensor

from models.fashn_vton.blocks import KeysValues
from models.fashn_vton.network import TryOnNetwork, unpatched
from models.fashn_vton.rotation import rotations
from models.plan import Step


@dataclass(frozen=True, slots=True)
class Conditions:
    """A batch's pictures `[B, 3, H, W]` and poses `[B, 1, H, W]` in [-1, 1], and `category` `int64 [B]`, 1 to 3.

    All on the network's device and, but for the category, in its precision.
    """

    person_image: Tensor
    person_pose: Tensor
    garment_image: Tensor
    garment_pose: Tensor
    category: Tensor

    @property
    def person(self) -> Tensor:
        return torch.cat([self.person_image, self.person_pose], dim=1)

    @property
    def garment(self) -> Tensor:
        return torch.cat([self.garment_image, self.garment_pose], dim=1)

    def and_null(self) -> Self:
        """`[2 B]`: these rows, and as many of what guidance leads away from: nothing of all that."""
        rows = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(torch.cat([row, torch.zeros_like(row)]) for row in rows))


class Predictor(Protocol):
    """The velocities of a batch at a step: conditional, and unconditional, if it was computed."""

    def __call__(self, noisy: Tensor, number: int, step: Step) -> tuple[Tensor, Tensor | None]: ...


class Canvas:
    """What a network needs to know of the pictures' size: the patches' rows and columns, and their positions."""

    def __init__(self, network: TryOnNetwork, like: Tensor) -> None:
        self._patch_size = network.config.patch_size
        self._grid = (like.shape[2] // self._patch_size, like.shape[3] // self._patch_size)
        self.table = rotations(network.config, self._grid, like.device, like.dtype)

    def pictures(self, patches: Tensor) -> Tensor:
        return unpatched(patches, self._grid, self._patch_size)


class AsPublished:
    """Everything in every step, and both branches in all of them; nothing is reused."""

    def __init__(self, network: TryOnNetwork, conditions: Conditions, times: Tensor, guidance_scale: float) -> None:
        """`times`: `[steps, B]`."""
        self._network, self._both = network, conditions.and_null()
        self._canvas = Canvas(network, conditions.person_image)
        self._times, self._scale = times.repeat(1, 2), guidance_scale

    def __call__(self, noisy: Tensor, number: int, step: Step) -> tuple[Tensor, Tensor | None]:
        network, both, times = self._network, self._both, self._times[number]
        person = network.x_embedder(torch.cat([noisy.repeat(2, 1, 1, 1), both.person], dim=1))
        garment = network.garment_embedder(both.garment)
        modulations = network.modulations(times, both.category, torch.full_like(times, self._scale))
        patches = network(person, (garment,), modulations, self._canvas.table, whole_last_block=True)
        conditional, unconditional = torch.chunk(self._canvas.pictures(patches), 2)
        return conditional, unconditional


class WithSavings:
    """What no step changes is computed once, the null branch only where it is used, and of garments only what is read.

    Where person and garment are nothing, their embeddings are but the biases: one token for all patches.
    """

    def __init__(
        self, network: TryOnNetwork, conditions: Conditions, times: Tensor, guidance_scale: float, *, is_guided: bool
    ) -> None:
        """`times`: `[steps, B]`; `is_guided`: whether any step is."""
        self._network, self._canvas = network, Canvas(network, conditions.person_image)
        self._nobody = network.x_embedder.bias
        self._person = self._nobody + network.x_embedder.share(conditions.person, network.config.channels_in)
        self._garment = network.garment_embedder(conditions.garment)
        self._no_garment = network.garment_embedder.bias.expand(len(self._garment), 1, -1)
        categories = conditions.category
        if is_guided:
            times, categories = times.repeat(1, 2), torch.cat([categories, torch.zeros_like(categories)])
        flat = times.flatten()
        modulations = network.modulations(flat, categories.repeat(len(times)), torch.full_like(flat, guidance_scale))
        self._modulations = torch.unflatten(modulations, 0, times.shape)
        self._kept: list[KeysValues] = []

    def __call__(self, noisy: Tensor, number: int, step: Step) -> tuple[Tensor, Tensor | None]:
        moving = self._network.x_embedder.share(noisy, 0)
        person, garments = moving + self._person, [self._garment]
        if step.is_guided:
            person = torch.cat([person, moving + self._nobody])
            garments.append(self._no_garment)
        patches = self._patches(person, garments, self._modulations[number, : len(person)], step)
        conditional, *unconditional = torch.split(self._canvas.pictures(patches), len(noisy))
        return conditional, unconditional[0] if step.is_guided else None

    def _patches(self, person: Tensor, garments: list[Tensor], modulations: Tensor, step: Step) -> Tensor:
        network, table = self._network, self._canvas.table
        if not step.is_fresh:
            kept = [(keys[: len(person)], values[: len(person)]) for keys, values in self._kept]
            return network.again(person, kept, modulations, table)
        self._kept = []  # makes room
        patches: Tensor
        if step.is_kept:
            patches, self._kept = network.keeping(person, garments, modulations, table)
        else:
            patches = network(person, garments, modulations, table)
        return patches


def predictor(
    network: TryOnNetwork,
    conditions: Conditions,
    times: Tensor,
    guidance_scale: float,
    *,
    is_guided: bool,
    exact_savings: bool,
) -> Predictor:
    """`times`: `[steps, B]`; `is_guided`: whether any step is."""
    if exact_savings:
        return WithSavings(network, conditions, times, guidance_scale, is_guided=is_guided)
    return AsPublished(network, conditions, times, guidance_scale)
