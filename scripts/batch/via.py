"""A run through a running service: each row is asked for once, whatever ends this process or the service."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.batch.folder import RunFolder
from scripts.batch.reading import RowError, bytes_of
from scripts.batch.results import Result
from scripts.batch.rows import Row
from scripts.batch.service import GoneError, Service, service_at
from scripts.batch.tables import PRODUCT

MOST_TRIES = 3  # of a row whose photograph or picture the service has no more
LOOK_EVERY_S = 0.2
NO_PRODUCT = (
    "The service has no product with this picture: add it to its products, or give the product's id as the garment."
)


class ServiceRun:
    """Makes what is left of a folder's plan at a service, `at_once` rows at a time. `beginning`: as of a local run."""

    beginning = "asking the service"

    def __init__(self, folder: RunFolder, url: str, api_key: str, at_once: int) -> None:
        self._folder, self._journal, self._plan = folder, folder.journal, folder.plan
        self._url, self._api_key, self._at_once = url, api_key, at_once
        self._uploading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._products: asyncio.Task[dict[str, dict[str, str]]] | None = None

    def run(self, stop: threading.Event) -> None:
        """Until nothing is left, or until `stop`; what the service then has begun is fetched the next time.

        Raises:
            BatchError: the service is away for too long, or takes no more for now.
        """
        asyncio.run(self._run(stop))

    def retry(self, rows: Sequence[Row]) -> None:
        """Have these made again."""
        self._journal.forget(row.number for row in rows)

    async def _run(self, stop: threading.Event) -> None:
        left = iter([row for row in self._folder.left() if not row.problem])
        async with service_at(self._url, self._api_key) as service:
            working = [asyncio.ensure_future(self._work(service, left)) for _ in range(self._at_once)]
            try:
                while not stop.is_set() and (waited := [task for task in working if not task.done()]):
                    await asyncio.wait(waited, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_EXCEPTION)
                    for task in working:
                        if task.done():
                            task.result()
            finally:
                for task in working:
                    task.cancel()
                await asyncio.gather(*working, return_exceptions=True)

    async def _work(self, service: Service, left: Iterator[Row]) -> None:
        for row in left:
            self._folder.add([await self._made(service, row)])

    async def _made(self, service: Service, row: Row) -> Result:
        sha256: dict[str, str] = {}
        began_at = time.perf_counter()
        for _ in range(MOST_TRIES):
            try:
                return await self._tried(service, row, sha256, began_at)
            except RowError as error:
                return Result(row.number, error=str(error), sha256=sha256)
            except GoneError as error:
                gone = str(error)
                self._forget(row)
        return Result(row.number, error=gone, sha256=sha256)

    async def _tried(self, service: Service, row: Row, sha256: dict[str, str], began_at: float) -> Result:
        files = self._files(row)
        sha256 |= {column: hashlib.sha256(data).hexdigest() for column, data in files.items()}
        if (asked := self._journal.request(row.number)) is None:
            body = await self._body(service, row, files, sha256)
            asked = secrets.token_hex(16), body
            self._journal.keep_request(row.number, *asked)  # before it is sent: nothing is asked for twice
        key, body = asked
        generation = await service.submit(body, key)
        told = await service.ended(generation)
        picture = await service.download(told.result_image_url) if told.result_image_url else None
        return Result(
            row.number,
            picture,
            told.error_message or "",
            sha256,
            tuple(told.warnings),
            tuple(one.wire() for one in told.optimisations),
            {"service_s": time.perf_counter() - began_at},
            generation,
        )

    def _files(self, row: Row) -> dict[str, bytes]:
        """Column -> what is to be sent, and of the garment what is to be found."""
        columns = ["person", *(["mask"] if row.mask and self._plan.uses_masks else [])]
        columns += [name for name in ("densepose", "garment") if getattr(row, name)]
        return {
            name: bytes_of(Path(getattr(row, name))) for name in columns if not getattr(row, name).startswith(PRODUCT)
        }

    async def _body(
        self, service: Service, row: Row, files: dict[str, bytes], sha256: dict[str, str]
    ) -> dict[str, Any]:
        fields = {"person": "userImageId", "mask": "maskImageId", "densepose": "denseposeImageId"}
        body: dict[str, Any] = {"seed": row.seed} | await self._product(service, row, sha256)
        for column, field in fields.items():
            if column in files:
                body[field] = await self._uploaded(service, files[column], sha256[column])
        if row.category:
            body["category"] = row.category
        if row.steps:
            body["approximations"] = {"numInferenceSteps": row.steps}
        return body

    async def _uploaded(self, service: Service, data: bytes, sha256: str) -> str:
        async with self._uploading[sha256]:
            if (file_id := self._journal.upload(sha256)) is None:
                self._journal.keep_upload(sha256, file_id := await service.upload(data))
            return file_id

    async def _product(self, service: Service, row: Row, sha256: dict[str, str]) -> dict[str, str]:
        """The product of that id, or with those bytes as its picture."""
        if row.garment.startswith(PRODUCT):
            product, *variant = row.garment.split()
            return {"productId": product} | ({"variantId": variant[0]} if variant else {})
        if self._products is None:
            self._products = asyncio.ensure_future(_by_picture(service))
        found = (await self._products).get(sha256["garment"])
        if found is None:
            raise RowError(NO_PRODUCT)
        return found

    def _forget(self, row: Row) -> None:
        """Of what was asked for: the service has its photographs, or its picture, no more."""
        if asked := self._journal.request(row.number):
            ids = [value for field, value in asked[1].items() if field.endswith("ImageId")]
            self._journal.forget_uploads(ids)
            self._journal.forget_request(row.number)


async def _by_picture(service: Service) -> dict[str, dict[str, str]]:
    """SHA-256 of a picture that the service itself serves -> what to ask for."""
    found: dict[str, dict[str, str]] = {}
    offered = await service.products()
    for product in offered.products if offered else ():
        shown = [(product.image, {"productId": product.product_id})]
        for variant in product.variants:
            shown.append((variant.image, {"productId": product.product_id, "variantId": variant.variant_id}))
        for image, body in shown:
            if image.startswith("/"):
                digest = hashlib.sha256(await service.download(image)).hexdigest()
                found.setdefault(digest, body)
    return found


def model_of(url: str, api_key: str) -> str:
    """The name of the model that makes the service's pictures; nothing where it does not tell.

    Raises:
        BatchError: the service does not answer.
    """

    async def asked() -> str:
        async with service_at(url, api_key) as service:
            offered = await service.products()
            return offered.model.name if offered and offered.model else ""

    return asyncio.run(asked())
