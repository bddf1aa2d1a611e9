"""How a person or a service manager ends a command that runs until then."""

from __future__ import annotations

import signal
import threading


def stop_on_signal(stop: threading.Event, hurry: threading.Event | None = None) -> None:
    """Set `stop` on Ctrl-C, on SIGTERM, and when the terminal closes, unless nohup asked to outlive it.

    `hurry`, where it is given, is set on a Ctrl-C that comes when `stop` is.
    """

    def ask(number: int, _: object) -> None:
        if hurry is not None and number == signal.SIGINT and stop.is_set():
            hurry.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, ask)
