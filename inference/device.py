"""The device's side of the loop: its errors, how far it is, and that nobody waits for it."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Callable, Iterator

import torch

from inference.batching import DeviceLostError


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Inference mode, and the device's errors as ours.

    Raises:
        DeviceLostError: after this error every call to the device would fail.
    """
    try:
        with torch.inference_mode():
            yield
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()  # each job is tried alone next
        raise
    except torch.AcceleratorError as error:
        raise DeviceLostError(str(error)) from error


class Written:
    """Whether the device has come as far as it was told until now."""

    def __init__(self, device: torch.device) -> None:
        self._event: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record(torch.cuda.current_stream(device))

    def wait(self) -> None:
        if self._event is not None:
            self._event.synchronize()


class Pace:
    """Lets the device be one step behind the loop: never idle, yet progress and cancellation are at most a step off."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._before: Written | None = None

    def wait_for_the_step_before(self) -> None:
        queued = Written(self._device)
        if self._before is not None:
            self._before.wait()
        self._before = queued


@contextlib.contextmanager
def without_synchronisation(device: torch.device, *, forbidden: bool) -> Iterator[None]:
    """Where `forbidden`, an operation that makes the host wait for the GPU is an error."""
    if device.type != "cuda" or not forbidden:
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def name_of(device: torch.device) -> str:
    """What computes, with what makes it faster or slower."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


@contextlib.contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int]]:
    """How many bytes a GPU held at most since the block began; 0 on a CPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    yield lambda: torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0


def memory_of(device: torch.device) -> int | None:
    """Bytes of a GPU's memory; None where it is the machine's."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
