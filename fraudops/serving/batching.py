"""Answer waiting requests together: one call of the model, one commit. A full queue refuses."""

import asyncio
import logging
from collections.abc import Callable

import anyio.to_thread

_logger = logging.getLogger("fraudops.batching")

MAX_WAITING_REQUESTS = 64  # requests that may wait
TARGET_BATCH_ROWS = 2000  # transactions answered at once, roughly


class QueueFullError(Exception):
    """The queue is full."""


class Batcher:
    """Hands requests to one worker thread, as many at a time as arrived while it was busy.

    A single caller does not wait. Parallel callers share the fixed costs of a batch.
    """

    def __init__(self, process_rows: Callable[[list[dict]], list[dict]]):
        """`process_rows` answers rows in their order; it is never called twice at once."""
        self.process_rows = process_rows
        self.queue: asyncio.Queue[tuple[list[dict], asyncio.Future]] = asyncio.Queue(
            MAX_WAITING_REQUESTS
        )
        self._limit = anyio.CapacityLimiter(1)

    async def submit(self, rows: list[dict]) -> list[dict]:
        """Submit rows and wait for their answers.

        Raises
        ------
        QueueFullError
            If too many requests wait already. Nothing was done.
        """
        future = asyncio.get_running_loop().create_future()
        try:
            self.queue.put_nowait((rows, future))
        except asyncio.QueueFull:
            raise QueueFullError from None
        return await future

    async def run(self) -> None:
        """Process the queue until cancelled."""
        while True:
            batch = [await self.queue.get()]
            while (
                not self.queue.empty() and sum(len(rows) for rows, _ in batch) < TARGET_BATCH_ROWS
            ):
                batch.append(self.queue.get_nowait())
            batch = [one for one in batch if not one[1].cancelled()]
            # one bad request must not fail the others
            if not await self._answer(batch) and len(batch) > 1:
                for one in batch:
                    await self._answer([one], last=True)

    async def _answer(
        self, batch: list[tuple[list[dict], asyncio.Future]], last: bool = False
    ) -> bool:
        """Answer some requests together; return False if they must wait for another try."""
        try:
            answers = await anyio.to_thread.run_sync(
                self.process_rows, [row for rows, _ in batch for row in rows], limiter=self._limit
            )
        except Exception as error:
            _logger.exception("%d requests could not be answered together.", len(batch))
            if last or len(batch) == 1:
                _resolve_future(batch[0][1], error)
            return False
        at = 0
        for rows, future in batch:
            _resolve_future(future, answers[at : at + len(rows)])
            at += len(rows)
        return True


def _resolve_future(future: asyncio.Future, outcome: list[dict] | Exception) -> None:
    if future.done():  # its caller has gone
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
