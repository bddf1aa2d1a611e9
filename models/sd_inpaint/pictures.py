"""A job's pictures as the networks take them, and the canvas back as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Pillow
from PIL import ImageFilter
from torch import Tensor

from models.base import Image, Mask, TryOnInputs, UnusableInput
from models.preprocess.agnostic import agnostic_mask
from models.preprocess.digest import digest_of
from models.preprocess.fitting import Fit, apply, letterbox
from models.preprocess.garment import isolate_worn
from models.preprocess.helpers import Helpers
from models.preprocess.masks import MIDDLE
from models.reuse import Key, Kind, Memory
from models.sd_inpaint.options import Options
from models.sd_inpaint.placing import WHITE, covering
from models.sd_inpaint.scene import Garment, Scene
from models.transfer import all_to_device, pinned

BLACK = 0
NO_DENSEPOSE = "Without a DensePose picture of the person, the garment may not follow the pose."


@dataclass(frozen=True, slots=True)
class Prepared:
    """One job, laid on the canvas. `inputs`: with the mask that is used; `person` `[1, 3, H, W]` in [-1, 1], 0 under
    the mask; `mask` `[1, 1, H, W]`, 0 or 1; `densepose` `[1, 3, H, W]` in [-1, 1] where the network looks at it."""

    inputs: TryOnInputs
    fit: Fit
    person: Tensor
    mask: Tensor
    garment: Garment
    densepose: Tensor | None
    shown: Key
    warnings: tuple[str, ...] = ()

    def pinned_for(self, device: torch.device) -> Self:
        """The same, its pictures where the device reads them by itself."""
        return replace(
            self,
            person=pinned(self.person, device),
            mask=pinned(self.mask, device),
            garment=replace(self.garment, picture=pinned(self.garment.picture, device)),
            densepose=None if self.densepose is None else pinned(self.densepose, device),
        )


@dataclass(frozen=True, slots=True)
class Photograph:
    """What a photograph is on the canvas, and a warning. `mask`: of the photograph's size; `known`: the person."""

    mask: Mask
    fit: Fit
    known: Tensor
    drawn: Tensor
    densepose: Tensor | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class Preparation:
    """Lays the pictures of checked inputs on a canvas of `height` x `width`."""

    height: int
    width: int
    options: Options
    helpers: Helpers
    memory: Memory

    def __call__(self, inputs: TryOnInputs) -> Prepared:
        """
        Raises:
            UnusableInput: there is no mask, and none can be made, or it leaves nothing to draw.
        """
        shown = self._photograph_key(inputs)
        laid = self.memory.remembered(shown, lambda: self._photograph(inputs))
        garment, not_cut_out = self._garment(inputs)
        warnings = tuple(warning for warning in (laid.warning, not_cut_out) if warning)
        inputs = replace(inputs, mask=laid.mask)
        return Prepared(inputs, laid.fit, laid.known, laid.drawn, garment, laid.densepose, shown, warnings)

    def _photograph_key(self, inputs: TryOnInputs) -> Key:
        """Without a mask, it is found for a category."""
        person, densepose = digest_of(inputs.person), inputs.densepose
        bounds = inputs.category if inputs.mask is None else digest_of(inputs.mask)
        posed = None if densepose is None else digest_of(densepose)
        return self.memory.key(Kind.PHOTOGRAPH, person, bounds, posed, persons=(person,))

    def _photograph(self, inputs: TryOnInputs) -> Photograph:
        mask = self._mask(inputs)
        person, fit = self._person(inputs.person, mask)
        drawn = _binary(self._laid(fit, mask), self.options.mask_blur)
        if not drawn.any():
            raise UnusableInput("person", "What may be drawn in the photograph is too small. Please use a larger mask.")
        known = _in_range(person)[None] * (1 - drawn)
        return Photograph(mask, fit, known, drawn, *self._densepose(inputs, fit))

    def _mask(self, inputs: TryOnInputs) -> Mask:
        """The caller's, else what the helpers find."""
        if inputs.mask is not None:
            return inputs.mask
        if self.helpers.parser is None:
            raise UnusableInput("person", "This model needs a mask of where the garment goes. Please send one along.")
        pose = self.helpers.pose(inputs.person) if self.helpers.pose is not None else None
        mask = agnostic_mask(self.helpers.parser(inputs.person), pose, inputs.category)
        if not mask.any():
            raise UnusableInput("person", "No clothes were found in the photograph. Please choose another photograph.")
        return mask

    def _person(self, photograph: Image, mask: Mask) -> tuple[Image, Fit]:
        """As published: covering CatVTON's canvas, or whole, on white, on Leffa's."""
        if self.options.conditioning == "concatenation":
            return covering(photograph, mask, self.height, self.width)
        return letterbox(photograph, self.height, self.width, fill=WHITE)

    def _garment(self, inputs: TryOnInputs) -> tuple[Garment, str | None]:
        worn_as = inputs.category if inputs.garment_is_worn else None
        key = self.memory.key(Kind.GARMENT, digest_of(inputs.garment), worn_as)
        digest, laid, warning = self.memory.remembered(key, lambda: self._garment_on_canvas(inputs))
        return Garment(digest, _in_range(laid)[None]), warning

    def _garment_on_canvas(self, inputs: TryOnInputs) -> tuple[str, Image, str | None]:
        """Its digest and itself, whole, on white; cut out if somebody wears it, or a warning."""
        laid, _ = letterbox(inputs.garment, self.height, self.width, fill=WHITE)
        warning = None
        if inputs.garment_is_worn:
            laid, warning = isolate_worn(laid, inputs.category, self.helpers)
        return digest_of(laid), laid, warning

    def _densepose(self, inputs: TryOnInputs, fit: Fit) -> tuple[Tensor | None, str | None]:
        """As the card's weights know it; black, as if nobody were in the picture, when the caller brings none."""
        if self.options.conditioning != "reference":
            return None, None
        if inputs.densepose is None:
            return torch.full((1, 3, self.height, self.width), -1.0), NO_DENSEPOSE
        if inputs.densepose.shape != inputs.person.shape:
            raise UnusableInput("person", "The DensePose picture must be as large as the photograph.")
        laid = self._laid(fit, inputs.densepose)
        return _in_range(laid[..., ::-1] if self.options.densepose == "colours" else laid)[None], None

    def _laid(self, fit: Fit, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return apply(fit, picture, height=self.height, width=self.width, fill=BLACK, nearest=True)


def scene_of(prepared: Sequence[Prepared], device: torch.device, dtype: torch.dtype) -> Scene:
    """A batch's pictures, on the device."""
    densepose = [one.densepose for one in prepared if one.densepose is not None]
    return Scene(
        person=all_to_device([one.person for one in prepared], device, dtype),
        mask=all_to_device([one.mask for one in prepared], device, dtype),
        garments=[one.garment for one in prepared],
        densepose=all_to_device(densepose, device, dtype) if densepose else None,
        shown=[one.shown for one in prepared],
    )


def to_levels(pictures: Tensor) -> Tensor:
    """`[B, 3, H, W]` in [0, 1] -> `uint8 [B, H, W, 3]`, where they are."""
    return (pictures * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def _binary(mask: Mask, blur: float) -> Tensor:
    """`[1, 1, H, W]` of 0 and 1: the mask, its corners rounded off by a Gauss of deviation `blur`."""
    if blur > 0:
        mask = np.asarray(Pillow.fromarray(mask).filter(ImageFilter.GaussianBlur(blur)))
    return torch.from_numpy(mask >= MIDDLE)[None, None].float()


def _in_range(picture: Image) -> Tensor:
    """`uint8 [H, W, 3]` -> `[3, H, W]` in [-1, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 127.5 - 1
