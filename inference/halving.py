"""A batch that the device's memory does not hold, made in two halves, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
CanvasT = TypeVar("CanvasT")

Make = Callable[[Sequence[T], Callable[[float], None], Callable[[int], bool]], Sequence[CanvasT | None]]
"""Makes a canvas of each; none of those that are stopped."""


def in_halves(
    make: Make[T, CanvasT],
    prepared: Sequence[T],
    on_progress: Callable[[float], None],
    stopped: Callable[[int], bool],
) -> list[CanvasT | None]:
    """What `make` makes of both halves. After each step of either, all jobs of the batch are asked for.

    One that is stopped before its half begins is not begun.
    """
    num_jobs, gone = len(prepared), set[int]()
    canvases: list[CanvasT | None] = [None] * num_jobs

    def is_gone(index: int) -> bool:
        if index not in gone and stopped(index):
            gone.add(index)
        return index in gone

    def run(half: range) -> None:
        left = [index for index in half if index not in gone]

        def told(done: float) -> None:
            on_progress((half.start + done * len(half)) / num_jobs)
            for index in range(num_jobs):
                is_gone(index)

        if left:
            made = make([prepared[index] for index in left], told, lambda position: is_gone(left[position]))
            for index, canvas in zip(left, made, strict=True):
                canvases[index] = canvas

    run(range(num_jobs // 2))
    run(range(num_jobs // 2, num_jobs))
    return [None if index in gone else canvas for index, canvas in enumerate(canvases)]
