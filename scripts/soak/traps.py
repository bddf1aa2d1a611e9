"""Trapdoors: named windows at which a process dies, or takes Redis away, when the soak has set a trap there.

A trap is a file; whoever removes it has sprung it, so it kills once. Deaths are noted before they happen.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal

VARIABLE = "SOAK_FOLDER"

Victim = Literal["api", "worker", "supervisor", "redis"]


@dataclass(frozen=True, slots=True)
class Death:
    """Who died when (seconds since the epoch); `window` is empty when the moment was random."""

    at: float
    victim: Victim
    window: str
    pid: int

    def line(self) -> str:
        return f"{self.at:.6f}|{self.victim}|{self.window}|{self.pid}\n"

    @classmethod
    def of(cls, line: str) -> Death:
        at, victim, window, pid = line.split("|")
        return cls(float(at), victim, window, int(pid))  # type: ignore[arg-type]


class Traps:
    """The traps of one soak, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._traps = folder / "traps"
        self._log = folder / "deaths.log"
        self.redis_pid = folder / "redis.pid"  # filled by whoever starts Redis
        self._traps.mkdir(parents=True, exist_ok=True)

    def set(self, victim: Victim, window: str) -> None:
        """From now on, the next process that gets to `window` dies, or Redis does."""
        self._file(victim, window).touch()

    def is_set(self, victim: Victim, window: str) -> bool:
        return self._file(victim, window).exists()

    def take_away(self, victim: Victim, window: str) -> bool:
        """Whether the trap was still there."""
        return _removed(self._file(victim, window))

    def note(self, death: Death) -> None:
        """Write it down; one write, so that it is whole."""
        log = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(log, death.line().encode())
        os.close(log)

    def deaths(self) -> list[Death]:
        return [Death.of(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []

    def spring(self, victim: Victim, window: str) -> None:
        """Die here if a trap is set; if one is set for Redis, it dies instead."""
        if _removed(self._file(victim, window)):
            self._kill(victim, window, os.getpid())
        elif _removed(self._file("redis", window)):
            self._kill("redis", window, int(self.redis_pid.read_text()))

    def _kill(self, victim: Victim, window: str, pid: int) -> None:
        self.note(Death(time.time(), victim, window, pid))
        os.kill(pid, signal.SIGKILL)

    def _file(self, victim: Victim, window: str) -> Path:
        return self._traps / f"{victim} {window}"


def of_this_process() -> Traps:
    """The soak that started this process."""
    return Traps(Path(os.environ[VARIABLE]))


def before(traps: Traps, owner: type, method: str, victim: Victim, window: str) -> None:
    """A trapdoor just before each call of a method."""
    plain = getattr(owner, method)

    @wraps(plain)
    def trapped(*args: Any, **kwargs: Any) -> Any:
        traps.spring(victim, window)
        return plain(*args, **kwargs)

    setattr(owner, method, trapped)


def after(traps: Traps, owner: type, method: str, victim: Victim, window: str) -> None:
    """A trapdoor just after each call of a method that brought something."""
    plain: Callable[..., Any] = getattr(owner, method)

    @wraps(plain)
    def trapped(*args: Any, **kwargs: Any) -> Any:
        result = plain(*args, **kwargs)
        if result:
            traps.spring(victim, window)
        return result

    setattr(owner, method, trapped)


def after_awaiting(traps: Traps, owner: type, method: str, victim: Victim, window: str) -> None:
    """A trapdoor just after each call of a coroutine method has been answered."""
    plain: Callable[..., Awaitable[Any]] = getattr(owner, method)

    @wraps(plain)
    async def trapped(*args: Any, **kwargs: Any) -> Any:
        result = await plain(*args, **kwargs)
        traps.spring(victim, window)
        return result

    setattr(owner, method, trapped)


def _removed(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
