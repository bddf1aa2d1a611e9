"""How many threads torch takes for an operation, by who asks: the device loop leads, all others help.

libgomp keeps a pool for every thread that computes, and its idle threads spin: two pools on the same cores stop each
other. So helpers compute alone, and on a CPU the device loop leaves them a core.
"""

from __future__ import annotations

import threading

import torch


class Threads:
    """Call `lead` or `help` before each use of torch. Without `overlap` there is one thread, which has all cores."""

    def __init__(self, device: torch.device, *, overlap: bool) -> None:
        self._overlap = overlap
        self._num_leading = torch.get_num_threads()
        if overlap and device.type == "cpu":
            self._num_leading = max(1, self._num_leading - 1)
        self._here = threading.local()

    def lead(self) -> None:
        if self._overlap:
            torch.set_num_threads(
                self._num_leading
            )  # again and again: a helper's call has reached MKL's number for all
            self._here.helps = False

    def help(self) -> None:
        if self._overlap and not getattr(self._here, "helps", False):
            torch.set_num_threads(1)
            self._here.helps = True
