"""What a pixel of a photograph shows: the labels that every parser is translated to."""

from __future__ import annotations

from enum import IntEnum


class Part(IntEnum):
    """A label map is `uint8 [H, W]` of these."""

    BACKGROUND = 0
    FACE = 1
    HAIR = 2
    TOP = 3
    DRESS = 4
    SKIRT = 5
    PANTS = 6
    BELT = 7
    BAG = 8
    HAT = 9
    SCARF = 10
    GLASSES = 11
    ARMS = 12
    HANDS = 13
    LEGS = 14
    FEET = 15
    TORSO = 16
    JEWELRY = 17
