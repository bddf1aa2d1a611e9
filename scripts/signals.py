"""How a person or a service manager ends a command that runs until then."""

from __future__ import annotations

import signal
import threading


def stop_on_signal(stop: threading.Event) -> None:
    """Set `stop` on Ctrl-C, on SIGTERM, and when the terminal closes, unless nohup asked to outlive it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_: stop.set())
