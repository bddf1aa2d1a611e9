"""What the reference UNet saw, as a batch's generator attends to it, timestep by timestep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from models.plan import Step
from models.reuse import Kind
from models.sd_inpaint.architecture import LATENT_CHANNELS
from models.sd_inpaint.attention import Attend, attended, spread
from models.sd_inpaint.memory import Film, Tensors
from models.sd_inpaint.scene import Garment, Sampling, Scene

if TYPE_CHECKING:
    from models.sd_inpaint.reference import Reference


class Reading:
    """A batch's garments, read when its steps want them. `embeddings`: of the generator, `[N, C]`.

    Rows are guidance branches of jobs: nothing for each job, then each job's garment; only these when not guided.
    """

    def __init__(self, reference: Reference, scene: Scene, sampling: Sampling) -> None:
        self._reference, self._scene, self._sampling = reference, scene, sampling
        timesteps = sampling.schedule.timesteps
        self._timesteps: list[int] = timesteps.tolist()
        on_device = timesteps.to(reference.core.device)
        self.embeddings = reference.core.unet.embedded(on_device)
        self._reader_embeddings = reference.reader.embedded(on_device)
        plan = sampling.plan
        self._reads = reference.reads(plan)
        self._frames = sorted(set(self._reads))
        guided = zip(self._reads, plan, strict=True)
        self._frames_of_nothing = sorted({read for read, step in guided if step.is_guided})
        self._garments = {garment.digest: garment for garment in scene.garments}
        self._seen = {digest: self._film(garment, self._frames) for digest, garment in self._garments.items()}
        self._seen_of_nothing = self._film(Garment("nothing", scene.person[:1]), self._frames_of_nothing)
        self._held: tuple[tuple[int, bool], list[Tensor]] | None = None
        self._latents: dict[str, Tensor] = {}

    def contexts(self, number: int, step: Step) -> list[Tensor]:
        """Keys and values `[R, N, C]` in turn of what was read, for each self-attention in the order of the walk."""
        return self._at(number, step, self._contexts)

    def attend(self, number: int, step: Step) -> Attend:
        """How the generator's self-attentions answer as published, in the order of the walk."""
        features = iter(self._at(number, step, self._all_features))
        return lambda attention, own: _joined_and_cut(attention, own, next(features))

    def _at(self, number: int, step: Step, read: Callable[[int, bool], list[Tensor]]) -> list[Tensor]:
        """What is read at a step, held until another is wanted."""
        wanted = self._reads[number], step.is_guided
        if self._held is None or self._held[0] != wanted:
            self._held = None  # makes room for the next
            self._held = wanted, read(*wanted)
        return self._held[1]

    def _contexts(self, read: int, is_guided: bool) -> list[Tensor]:
        embedding, frame = self._reader_embeddings[read, None], self._frames.index(read)
        seen = {
            digest: film.frame(frame, partial(self._read, partial(self._latents_of, self._garments[digest]), embedding))
            for digest, film in self._seen.items()
        }
        features = zip(*[seen[garment.digest] for garment in self._scene.garments], strict=True)
        contexts = self._reference.contexts([torch.cat(rows) for rows in features])
        if is_guided:
            frame = self._frames_of_nothing.index(read)
            of_nothing = self._seen_of_nothing.frame(frame, partial(self._read, self._no_latents, embedding))
            nothing = self._reference.contexts(of_nothing)
            contexts = [torch.cat([spread(n, len(c)), c]) for n, c in zip(nothing, contexts, strict=True)]
        return contexts

    def _film(self, garment: Garment, frames: Sequence[int]) -> Film:
        """Each garment is read by itself, as its latents are, so that a remembered one is that of any batch."""
        core, timesteps = self._reference.core, tuple(self._timesteps[step] for step in frames)
        return Film(
            core.memory.store, core.garment_key(Kind.FEATURES, garment, *timesteps), len(timesteps), core.device
        )

    def _read(self, latents: Callable[[], Tensor], embedding: Tensor) -> Tensors:
        return self._reference.read(latents(), embedding)

    def _no_latents(self) -> Tensor:
        core = self._reference.core
        return torch.zeros(1, LATENT_CHANNELS, *self._scene.latent_size, dtype=core.dtype, device=core.device)

    def _all_features(self, read: int, is_guided: bool) -> list[Tensor]:
        """Tokens `[R, N, C]` before each self-attention, as the published code reads them: all rows, each time."""
        latents = torch.cat([self._latents_of(garment) for garment in self._scene.garments])
        if is_guided:
            latents = torch.cat([torch.zeros_like(latents), latents])
        reader = self._reference.reader
        return reader.all_features(reader.entered(latents), self._reader_embeddings[read, None])

    def _latents_of(self, garment: Garment) -> Tensor:
        """Encoded when its features are not remembered, and then once."""
        if garment.digest not in self._latents:
            self._latents[garment.digest] = self._reference.core.garment_latents(garment)
        return self._latents[garment.digest]


def _joined_and_cut(attention: Any, own: Tensor, read: Tensor) -> Tensor:
    """As published: the tokens that were read attend too, and their answers are thrown away."""
    both = torch.cat([own, read], 1)
    return attended(attention, both, both)[:, : own.shape[1]]
