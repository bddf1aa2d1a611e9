"""The Hugging Face hub: where a file lies, and its bytes, taken up where an earlier transfer ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils._headers import build_hf_headers

from models.catalog import CardError

SHA256_LENGTH = 64  # hex digits; the hub's ETag of a small file is a shorter git hash


class FetchError(CardError):
    """A checkpoint that could not be fetched; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a repository at one commit. `size` in bytes; `sha256` empty where the hub does not tell it.

    One that lies elsewhere has its URL for a repository, and no commit.
    """

    repository: str
    source: str
    commit: str
    size: int
    sha256: str

    @property
    def is_on_hub(self) -> bool:
        return bool(self.commit)


def locate(repository: str, source: str, revision: str) -> RemoteFile:
    """Ask where a file lies; `revision` is a branch, a tag or a commit.

    Raises:
        FetchError: the hub does not answer, or does not have it or give it.
    """
    with _in_sentences(repository, source, revision):
        found = get_hf_file_metadata(hf_hub_url(repository, source, revision=revision))
    if found.commit_hash is None or found.size is None or found.etag is None:
        raise FetchError(f"{constants.ENDPOINT} does not answer as a Hugging Face hub does. Correct HF_ENDPOINT.")
    sha256 = found.etag if len(found.etag) == SHA256_LENGTH else ""
    return RemoteFile(repository, source, found.commit_hash, found.size, sha256)


def download(remote: RemoteFile, partial: Path) -> None:
    """Fill `partial`, which may hold the beginning of the file already, and show a progress bar on a terminal.

    huggingface_hub's own download begins anew after its process was killed; its transfer underneath need not. What
    lies at a commit never changes, so the rest fits the beginning.

    Raises:
        FetchError: the hub or the network failed; what arrived is kept in `partial`.
    """
    with partial.open("ab") as stream, _in_sentences(remote.repository, remote.source, remote.commit):
        if stream.tell() > remote.size:
            stream.truncate(0)
        http_get(
            hf_hub_url(remote.repository, remote.source, revision=remote.commit)
            if remote.is_on_hub
            else remote.repository,
            stream,
            resume_size=partial.stat().st_size,
            headers=build_hf_headers(token=None if remote.is_on_hub else False),  # the hub's token is for the hub
            expected_size=remote.size,
            displayed_filename=remote.source,
        )


@contextlib.contextmanager
def _in_sentences(repository: str, source: str, revision: str) -> Iterator[None]:
    """Turns what the hub's client raises into sentences for people."""
    hub = constants.ENDPOINT
    try:
        yield
    except GatedRepoError as error:
        _give_up(
            f"{repository} is given only to those who accept its terms. Accept them at {hub}/{repository}, "
            "then set HF_TOKEN to a token of your account",
            error,
        )
    except RepositoryNotFoundError as error:
        _give_up(f"{hub} has no repository {repository}, or a private one: set HF_TOKEN, or correct the card", error)
    except (RevisionNotFoundError, EntryNotFoundError) as error:
        _give_up(f"{repository} has no file {source} at revision {revision}: correct the card", error)
    except OfflineModeIsEnabled as error:
        _give_up("HF_HUB_OFFLINE is set: unset it, or copy the files from a folder with --from DIR", error)
    except HfHubHTTPError as error:
        _give_up(_refusal(hub, repository, error), error)
    except httpx2.TransportError as error:
        _give_up(
            f"{hub} cannot be reached ({type(error).__name__}). Mend the network, name a mirror with HF_ENDPOINT, "
            "or copy the files from a folder with --from DIR. What has arrived is kept",
            error,
        )
    except OSError as error:
        _give_up(f"{source} did not arrive whole ({error}). Run the same command again: it goes on from there", error)


def _refusal(hub: str, repository: str, error: HfHubHTTPError) -> str:
    status = error.response.status_code
    if status in (401, 403):
        return f"{hub} refuses {repository} to this HF_TOKEN ({status}): set one that may read it"
    return f"{hub} answers {status} for {repository}. Run the same command again later: it goes on from there"


def _give_up(sentence: str, error: Exception) -> NoReturn:
    raise FetchError(f"{sentence}.") from error
