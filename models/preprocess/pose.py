"""Where a person's joints are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]

CONFIDENT = 0.3
"""A joint that is found with less counts as not seen."""


class Joint(IntEnum):
    """The rows of `Pose.body`; right and left are the person's."""

    NOSE = 0
    NECK = 1
    RIGHT_SHOULDER = 2
    RIGHT_ELBOW = 3
    RIGHT_WRIST = 4
    LEFT_SHOULDER = 5
    LEFT_ELBOW = 6
    LEFT_WRIST = 7
    RIGHT_HIP = 8
    RIGHT_KNEE = 9
    RIGHT_ANKLE = 10
    LEFT_HIP = 11
    LEFT_KNEE = 12
    LEFT_ANKLE = 13
    RIGHT_EYE = 14
    LEFT_EYE = 15
    RIGHT_EAR = 16
    LEFT_EAR = 17


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

    @property
    def seen(self) -> Points:
        """The points that were found with confidence, `[N, 2]`."""
        everything = np.concatenate([self.body, self.feet, self.hands.reshape(-1, 3), self.face])
        return everything[everything[:, 2] >= CONFIDENT, :2]

    def joint(self, joint: Joint) -> Points | None:
        """Where it is, (x, y); None when it is not seen."""
        x, y, score = self.body[joint]
        return np.array([x, y], np.float32) if score >= CONFIDENT else None

    def moved(self, scale_x: float, scale_y: float, x: float = 0.0, y: float = 0.0) -> Pose:
        """Scaled about the origin, then shifted by (x, y)."""
        scale, shift = np.array([scale_x, scale_y, 1], np.float32), np.array([x, y, 0], np.float32)
        body, feet, hands, face = (points * scale + shift for points in (self.body, self.feet, self.hands, self.face))
        return Pose(body, feet, hands, face)
