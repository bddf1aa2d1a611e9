"""A job's photographs as the network takes them: fitted, with their poses beside them, on one canvas."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL.Image import Resampling

from models.base import Image, Mask, TryOnInputs
from models.preprocess.digest import digest_of
from models.preprocess.fitting import Box, Fit, apply, letterbox, resized
from models.preprocess.garment import isolate_worn
from models.preprocess.helpers import Helpers
from models.preprocess.person import person_crop
from models.preprocess.pose import Pose
from models.preprocess.pose_raster import gray_pose
from models.reuse import Key, Kind, Memory

PosedPicture = npt.NDArray[np.uint8]
"""`uint8 [H, W, 4]` of the canvas: RGB, and the pose in gray."""

BLACK = 0

NO_ESTIMATOR = "The picture may not follow the pose: no pose estimator is fetched."
NO_POSE = "The picture may not follow the pose: none was found in the photograph."


Garment = tuple[PosedPicture, tuple[str, ...]]
"""What a job's garment is on the canvas, and what to say of it."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """The part around the person, on the canvas. `fit`: where that lies in the photograph."""

    picture: PosedPicture
    fit: Fit
    is_posed: bool


@dataclass(frozen=True, slots=True)
class Prepared:
    """One job. `fit`: where the canvas lies in the photograph."""

    inputs: TryOnInputs
    person: PosedPicture
    garment: PosedPicture
    fit: Fit
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preparation:
    """For canvases of `height` x `width`."""

    height: int
    width: int
    helpers: Helpers
    memory: Memory

    def __call__(self, inputs: TryOnInputs) -> Prepared:
        """Both pictures; of the photograph the part around the person."""
        person, mask = digest_of(inputs.person), inputs.mask
        key = self.memory.key(Kind.PHOTOGRAPH, person, None if mask is None else digest_of(mask), persons=(person,))
        shown = self.memory.remembered(key, lambda: self._photograph(inputs.person, mask))
        garment, warnings = self.memory.remembered(self._garment_key(inputs), lambda: self._garment(inputs))
        warnings = warnings if shown.is_posed else (self._no_pose, *warnings)
        return Prepared(inputs, shown.picture, garment, shown.fit, warnings)

    def _photograph(self, photograph: Image, mask: Mask | None) -> Photograph:
        box, shown, pose = self._around_person(photograph, mask)
        picture, fit = self._on_canvas(shown, pose)
        return Photograph(picture, replace(fit, source=box, size=photograph.shape[:2]), pose is not None)

    def _around_person(self, photograph: Image, mask: Mask | None) -> tuple[Box, Image, Pose | None]:
        """A box of the photograph, what is in it, fitted, and the pose in that, which is looked for again."""
        rows, columns = photograph.shape[:2]
        shown = self._fitted(photograph)
        pose = self._pose(shown)
        if pose is None:
            return Box(0, 0, columns, rows), shown, None
        in_photograph = pose.moved(columns / shown.shape[1], rows / shown.shape[0])
        box = person_crop(in_photograph, rows, columns, self.width / self.height, mask)
        if box == Box(0, 0, columns, rows):
            return box, shown, pose
        shown = self._fitted(photograph[box.slices])
        across, down = shown.shape[1] / box.width, shown.shape[0] / box.height
        return box, shown, self._pose(shown) or in_photograph.moved(across, down, -box.x0 * across, -box.y0 * down)

    def _garment_key(self, inputs: TryOnInputs) -> Key:
        worn_as = inputs.category if inputs.garment_is_worn else None
        return self.memory.key(Kind.GARMENT, digest_of(inputs.garment), worn_as)

    def _garment(self, inputs: TryOnInputs) -> Garment:
        """A garment that is worn comes with its wearer's pose, cut out; one that lies flat, or seems to, without."""
        shown = self._fitted(inputs.garment)
        if not inputs.garment_is_worn:
            return self._on_canvas(shown, None)[0], ()
        alone, warning = isolate_worn(shown, inputs.category, self.helpers)
        if warning:
            return self._on_canvas(shown, None)[0], (warning,)
        return self._on_canvas(alone, self._pose(shown))[0], ()

    def _fitted(self, picture: Image) -> Image:
        """Shrunk to what pose estimators and the canvas can use."""
        rows, columns = picture.shape[:2]
        scale = min(1.0, max(self.height, self.width) / max(rows, columns))
        height, width = (max(1, round(side * scale)) for side in (rows, columns))
        return resized(np.ascontiguousarray(picture), height, width, Resampling.LANCZOS)

    def _pose(self, shown: Image) -> Pose | None:
        return self.helpers.pose(shown) if self.helpers.pose else None

    @property
    def _no_pose(self) -> str:
        return NO_POSE if self.helpers.pose else NO_ESTIMATOR

    def _on_canvas(self, shown: Image, pose: Pose | None) -> tuple[PosedPicture, Fit]:
        height, width = self.height, self.width
        canvas, fit = letterbox(shown, height, width, fill=BLACK)
        raster = gray_pose(pose, *shown.shape[:2])
        raster = apply(fit, raster, height=height, width=width, fill=BLACK, nearest=True)
        return np.dstack([canvas, raster]), fit
