"""What a service did not do, one sentence each."""

from __future__ import annotations

from typing import Any

import httpx


class ClientError(Exception):
    """The root. The message is one sentence."""

    @property
    def name(self) -> str:
        """For counting."""
        return type(self).__name__


class Unreachable(ClientError):
    """There was no answer: the connection was refused or broke, or it took too long."""

    def __init__(self, error: httpx.RequestError) -> None:
        self._error = type(error).__name__
        super().__init__(f"The service does not answer ({self._error}).")

    @property
    def name(self) -> str:
        return self._error


class NotTheContract(ClientError):
    """The answer is none that the contract knows, so something else than the service gave it."""


class Refused(ClientError):
    """The service's own sentence. `code`: for programs, or empty; `retry_after_s`: when to come back, if told."""

    def __init__(self, status: int, message: str, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def name(self) -> str:
        return f"{self.status} {self.code}".strip()


class Unauthorised(Refused):
    """By the service's mode it wants an API key, or an app proxy's signature."""


class NotFound(Refused):
    """It was never there, is there no more, or is another shop's."""


class Blocked(Refused):
    """A generation was not created; `code` is one of the contract's."""


def refusal_in(reply: httpx.Response) -> Refused | None:
    """What is refused; also with status 200, as the contract has it of a generation that was not created."""
    told = _json(reply)
    is_blocked = bool(told.get("code")) and told.get("jobId") == ""
    if reply.is_success and not is_blocked:
        return None
    kind = Blocked if is_blocked else {401: Unauthorised, 404: NotFound}.get(reply.status_code, Refused)
    message = told.get("message") or f"The service answers {reply.status_code} {reply.reason_phrase}."
    wait = reply.headers.get("retry-after", "")
    return kind(reply.status_code, message, told.get("code", ""), float(wait) if wait.isdecimal() else None)


def _json(reply: httpx.Response) -> dict[str, Any]:
    if "json" not in reply.headers.get("content-type", ""):
        return {}
    try:
        told = reply.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
