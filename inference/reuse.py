"""Exact reuse across requests: what was computed before is found by its content, on the device, the host or the disk.

A hit equals a miss bit for bit: keys (`models.reuse`) hold everything that decides the bits. What shows a person stays
in memory, and there only for a while.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from inference.options import Budgets
from inference.shelf import Shelf
from inference.stats import Stats
from inference.tiers import Entry, Tier
from inference.values import moved, num_bytes_of, pinned, settled
from models.reuse import Key, Kind

T = TypeVar("T")

CPU = torch.device("cpu")


class Reuse:
    """A `models.reuse.Store` for one device. Any thread may ask; two that want the same compute it once.

    `folder` is that of the disk's tier, which other processes may share. `stats` is told, of each kind, how often it
    was found in each tier or missed, and its bytes in memory: `reuse.latents.host.hits`, `reuse.latents.misses`,
    `reuse.latents.host.bytes`.
    """

    def __init__(
        self, device: torch.device, budgets: Budgets, folder: Path | None = None, stats: Stats | None = None
    ) -> None:
        self._device, self._budgets, self.stats = device, budgets, stats or Stats()
        # Where the device is the CPU, the host's tier is the device's.
        self._on_device = Tier(budgets.device if device.type != "cpu" else 0, self._leave_device)
        # Nothing moves from the host to the disk: what may lie there was written when it was whole.
        self._on_host = Tier(budgets.host, lambda entry: None)
        self._shelf = Shelf(folder, budgets.disk) if folder is not None and budgets.disk else None
        self.variant = ""  # of the networks that compute from now on, where the disk is to tell them apart
        self._lock = threading.RLock()
        self._turns: dict[str, tuple[threading.Lock, list[object]]] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="reuse")
        self._num_erasures = 0
        self._timer: threading.Timer | None = None

    def remembered(self, key: Key, compute: Callable[[], T]) -> T:
        if key.persons and not self._budgets.person_s:
            return compute()
        with self._turn(key.name):
            kept = self.kept(key)
            if kept is None:
                num_erasures = self._num_erasures
                kept = settled(compute())
                # What was forgotten while it was computed is not to come back.
                with self._lock:
                    if not key.persons or num_erasures == self._num_erasures:
                        self.keep(key, kept)
            found: T = moved(kept, self._device) if key.kind.is_for_device else kept
            return found

    def kept(self, key: Key) -> Any | None:
        with self._lock:
            for place, tier in (("device", self._on_device), ("host", self._on_host)):
                entry = tier.get(key.name)
                if entry is not None and not self._is_old(entry):
                    self.stats.add(f"reuse.{key.kind}.{place}.hits")
                    return self._raised(entry).value
        value = None if self._shelf is None or not self._may_lie_on_disk(key) else self._shelf.read(self._on_disk(key))
        self.stats.add(f"reuse.{key.kind}." + ("misses" if value is None else "disk.hits"))
        if value is not None:
            value = pinned(value) if self._device.type == "cuda" else value
            self._place(Entry(key, value, num_bytes_of(value), num_bytes_of(value)))
        return value

    def keep(self, key: Key, value: Any, *, whole_bytes: int | None = None) -> None:
        num_bytes = num_bytes_of(value)
        entry = Entry(key, value, num_bytes, whole_bytes or num_bytes)
        self._place(entry)
        if num_bytes >= entry.whole_bytes:
            self._write(entry)
        if key.persons:
            self._watch()

    def has_room(self, kind: Kind, num_bytes: int) -> bool:
        return num_bytes <= max(self._on_host.maxsize, self._on_device.maxsize if kind.is_for_device else 0)

    def forget(self, *persons: str) -> int:
        """Drop what shows these persons (digests of their photographs), or anybody if none is named; how much it was.

        What is being computed of anybody meanwhile is not kept.
        """
        with self._lock:
            self._num_erasures += 1
            return self._drop(lambda entry: not persons or not set(persons).isdisjoint(entry.key.persons))

    def flush(self) -> None:
        """Wait until all that is to be written lies on the disk."""
        self._writer.submit(lambda: None).result()

    def _place(self, entry: Entry) -> None:
        """In the highest tier that would hold it whole."""
        with self._lock:
            for tier in (self._on_device, self._on_host):
                tier.pop(entry.key.name, None)
            if entry.key.kind.is_for_device and entry.whole_bytes <= self._on_device.maxsize:
                self._on_device[entry.key.name] = replace(entry, value=moved(entry.value, self._device))
            elif entry.whole_bytes <= self._on_host.maxsize:
                self._on_host[entry.key.name] = self._brought_to_host(entry)

            self._weigh()

    def _weigh(self) -> None:
        for place, tier in (("device", self._on_device), ("host", self._on_host)):
            num_bytes = dict.fromkeys(Kind, 0)
            for entry in tier.values():
                num_bytes[entry.key.kind] += entry.num_bytes
            for kind, of_kind in num_bytes.items():
                self.stats.put(f"reuse.{kind}.{place}.bytes", of_kind)

    def _raised(self, entry: Entry) -> Entry:
        """Moved up from the host, if it has its place on the device."""
        name, key = entry.key.name, entry.key
        if name in self._on_device or not key.kind.is_for_device or entry.whole_bytes > self._on_device.maxsize:
            return entry
        del self._on_host[name]
        self._on_device[name] = entry = replace(entry, value=moved(entry.value, self._device), written=None)
        return entry

    def _leave_device(self, entry: Entry) -> None:
        if entry.num_bytes <= self._on_host.maxsize and not self._is_old(entry):
            self._on_host[entry.key.name] = self._brought_to_host(entry)

    def _brought_to_host(self, entry: Entry) -> Entry:
        value = moved(entry.value, CPU)
        if self._device.type != "cuda":
            return replace(entry, value=value)
        written = torch.cuda.Event()  # type: ignore[no-untyped-call]
        written.record(torch.cuda.current_stream(self._device))
        return replace(entry, value=value, written=written)

    def _write(self, entry: Entry) -> None:
        """Behind the caller's back: the device does not wait for the disk."""
        if self._shelf is None or not self._may_lie_on_disk(entry.key):
            return
        shelf, on_host = self._shelf, self._brought_to_host(entry)

        def write() -> None:
            if on_host.written is not None:
                on_host.written.synchronize()
            shelf.write(self._on_disk(on_host.key), on_host.value)

        self._writer.submit(write)

    def _on_disk(self, key: Key) -> Key:
        return replace(key, name=key.name + self.variant)

    def _may_lie_on_disk(self, key: Key) -> bool:
        """Nobody's picture; and a large GPU is expected to compute features faster than a checked read."""
        return not key.persons and not (key.kind is Kind.FEATURES and self._device.type == "cuda")

    def _is_old(self, entry: Entry) -> bool:
        return bool(entry.key.persons) and time.monotonic() - entry.kept_at >= self._budgets.person_s

    def _drop(self, wanted: Callable[[Entry], bool]) -> int:
        tiers = (self._on_device, self._on_host)
        num_dropped = sum(tier.drop(lambda entry: bool(entry.key.persons) and wanted(entry)) for tier in tiers)
        self._weigh()
        return num_dropped

    def _watch(self) -> None:
        """See to it that what shows a person leaves when it is old, also when nobody asks for anything any more."""
        with self._lock:
            entries = [*self._on_device.values(), *self._on_host.values()]
            oldest = min((entry.kept_at for entry in entries if entry.key.persons), default=None)
            if oldest is None or self._timer is not None:
                return
            left_s = oldest + self._budgets.person_s - time.monotonic()
            self._timer = threading.Timer(max(left_s, 0.0), self._expire)
            self._timer.daemon = True
            self._timer.start()

    def _expire(self) -> None:
        with self._lock:
            self._timer = None
            self._drop(self._is_old)
            self._watch()

    @contextlib.contextmanager
    def _turn(self, name: str) -> Iterator[None]:
        """One thread at a time for each name."""
        me = object()
        with self._lock:
            lock, waiting = self._turns.setdefault(name, (threading.Lock(), []))
            waiting.append(me)
        try:
            with lock:
                yield
        finally:
            with self._lock:
                waiting.remove(me)
                if not waiting:
                    del self._turns[name]
