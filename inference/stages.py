"""The stages that a worker's jobs pass, made ready to work together: intake | runner | outlet."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from inference.batching import DeviceLostError, Generator
from inference.deadlines import Deadlines
from inference.forecast import Forecast
from inference.intake import Intake
from inference.outlet import Outlet
from inference.runner import Runner

if TYPE_CHECKING:
    from inference.leases import Leases
    from inference.line import Line
    from inference.patience import Patience
    from inference.pulse import Pulse
    from inference.reading import Blobs

MOST_THREADS = 4  # that prepare, and that finish


@dataclass(frozen=True, slots=True)
class Stages:
    """All share the jobs' deadlines, and the forecast of when the device will be free."""

    intake: Intake
    runner: Runner
    outlet: Outlet

    @classmethod
    def of(
        cls,
        worker: str,
        generator: Generator,
        blobs: Blobs,
        line: Line,
        leases: Leases,
        pulse: Pulse,
        patiently: Patience,
        *,
        on_device_lost: Callable[[DeviceLostError], None],
        is_stopping: Callable[[], bool],
    ) -> Self:
        """Those of the worker of this name; nothing runs yet."""
        num_threads = max(1, min(MOST_THREADS, (os.cpu_count() or 1) - 1))
        deadlines, forecast = Deadlines(), Forecast()
        outlet = Outlet(
            worker,
            generator,
            blobs,
            leases,
            pulse,
            deadlines,
            patiently,
            num_threads=num_threads,
            on_device_lost=on_device_lost,
        )
        intake = Intake(
            line,
            generator,
            blobs,
            pulse,
            outlet,
            deadlines,
            forecast,
            patiently,
            num_threads=num_threads,
            on_device_lost=on_device_lost,
        )
        return cls(
            intake, Runner(generator, leases, pulse, outlet, deadlines, forecast, patiently, is_stopping), outlet
        )
