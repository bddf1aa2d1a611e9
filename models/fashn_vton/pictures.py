"""A job's photographs as the network takes them: fitted, with their poses beside them, on one canvas."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL.Image import Resampling

from models.base import GarmentCache, Image, Mask, TryOnInputs
from models.preprocess.digest import digest_of
from models.preprocess.fitting import Box, Fit, apply, letterbox, resized
from models.preprocess.garment import isolate_worn
from models.preprocess.helpers import Helpers
from models.preprocess.person import person_crop
from models.preprocess.pose import Pose
from models.preprocess.pose_raster import gray_pose

PosedPicture = npt.NDArray[np.uint8]
"""`uint8 [H, W, 4]` of the canvas: RGB, and the pose in gray."""

BLACK = 0

NO_ESTIMATOR = "The picture may not follow the pose: no pose estimator is fetched."
NO_POSE = "The picture may not follow the pose: none was found in the photograph."


@dataclass(frozen=True, slots=True)
class Garment:
    """What a job's garment is on the canvas, and what to say of it."""

    picture: PosedPicture
    warnings: tuple[str, ...]


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
    """For canvases of `height` x `width`; `garments` keeps what was made of them."""

    height: int
    width: int
    helpers: Helpers
    garments: GarmentCache | None

    def __call__(self, inputs: TryOnInputs) -> Prepared:
        """Both pictures; of the photograph the part around the person."""
        box, shown, pose = self._around_person(inputs.person, inputs.mask)
        person, fit = self._on_canvas(shown, pose)
        garment = self._garment(inputs)
        warnings = garment.warnings if pose else (self._no_pose, *garment.warnings)
        fit = replace(fit, source=box, size=inputs.person.shape[:2])
        return Prepared(inputs, person, garment.picture, fit, warnings)

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

    def _garment(self, inputs: TryOnInputs) -> Garment:
        if self.garments is None:
            return self._garment_on_canvas(inputs)
        key = self._garment_key(inputs)
        garment: Garment | None = self.garments.get(key)
        if garment is None:
            garment = self.garments[key] = self._garment_on_canvas(inputs)
        return garment

    def _garment_key(self, inputs: TryOnInputs) -> Hashable:
        worn_as = inputs.category if inputs.garment_is_worn else None
        return "fashn_vton", digest_of(inputs.garment), worn_as, self.height, self.width

    def _garment_on_canvas(self, inputs: TryOnInputs) -> Garment:
        """A garment that is worn comes with its wearer's pose, cut out; one that lies flat, or seems to, without."""
        shown = self._fitted(inputs.garment)
        if not inputs.garment_is_worn:
            return Garment(self._on_canvas(shown, None)[0], ())
        alone, warning = isolate_worn(shown, inputs.category, self.helpers)
        if warning:
            return Garment(self._on_canvas(shown, None)[0], (warning,))
        return Garment(self._on_canvas(alone, self._pose(shown))[0], ())

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
