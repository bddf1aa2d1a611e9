"""The key that signs URLs and hashes identities."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from api.settings import Settings


def signing_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose, from `settings.secret`, or from a secret made once in the data folder (mode 600)."""
    root = settings.secret.get_secret_value() or _kept(settings.data / "secret")
    return hmac.new(root.encode(), purpose.encode(), hashlib.sha256).digest()


def _kept(path: Path) -> str:
    """The secret in `path`, made when missing; of processes that start together the first one's counts."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"secret.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
