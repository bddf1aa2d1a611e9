"""Where a person's joints are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pose:
    """Points as (x, y, score): pixels of the picture they were found in, and a confidence in [0, 1].

    `body` `[18, 3]` in OpenPose's order (nose, neck, right shoulder, elbow, wrist, left ..., right hip, knee, ankle,
    left ..., right eye, left eye, right ear, left ear); `feet` `[6, 3]`; `hands` `[2, 21, 3]`, left then right;
    `face` `[68, 3]`.
    """

    body: Points
    feet: Points
    hands: Points
    face: Points
