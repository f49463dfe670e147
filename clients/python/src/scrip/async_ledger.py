"""The commands and queries of a ledger with asyncio, over any transport."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from . import generated_types as types
from .background import finish
from .client import hold_fields
from .errors import ScripError, completed
from .generated_commands import Commands
from .hold import RELEASE_TIMEOUT, Begun, HoldState, check_reference
from .options import Options, Origin

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


class AsyncLedger(Commands[Awaitable[types.Outcome]]):
    """A client of a ledger. Each transport extends it by how it sends and queries."""

    @abstractmethod
    async def send(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Outcome:
        """Send any command and wait for its outcome.

        A refusal is an outcome with the status `failed`, not an exception. After a lost connection
        the command is sent again under its reference.
        """

    @abstractmethod
    async def publish(
        self, command: types.Command | Mapping[str, Any], **options: Unpack[Options]
    ) -> types.Receipt:
        """Send a command. Return when the queue has it, before the outcome is known."""

    @abstractmethod
    async def publish_all(
        self, commands: Sequence[types.Command | Mapping[str, Any]], timeout: float | None = None
    ) -> list[types.Receipt]:
        """Send up to 1,000 commands in their order. Return when the queue has all of them."""

    @abstractmethod
    async def query(self, query: Mapping[str, Any], timeout: float | None = None) -> object:
        """Send any query and return its result."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def hold(
        self,
        reference_id: str,
        user_id: str,
        service: str,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        expires_in_seconds: int | None = None,
        expires_at: str | None = None,
        **options: Unpack[Options],
    ) -> AsyncHoldGuard:
        """Reserve credits. Return a guard, or raise `RefusedError`.

        When it is cancelled, a release is published, because the hold may be applied.
        """
        check_reference(reference_id)
        fields = hold_fields(
            reference_id, user_id, service, quantity, amount, expires_in_seconds, expires_at
        )
        try:
            outcome = completed(await self._send_fields("hold", fields, options))
        except asyncio.CancelledError:
            await finish(self._release_cancelled(reference_id, user_id, options.get("origin")))
            raise
        return AsyncHoldGuard(self, outcome, options.get("origin"))

    async def balance(self, user_id: str, timeout: float | None = None) -> types.BalanceResult:
        """Return what a user has."""
        result = await self.query({"type": "balance", "userId": user_id}, timeout)
        return cast(types.BalanceResult, result)

    async def batches(
        self, user_id: str, *, all: bool = False, timeout: float | None = None
    ) -> types.BatchesResult:
        """Return batches in the order in which they are spent; with `all` also those used up."""
        query = {"type": "batches", "userId": user_id, "all": all or None}
        return cast(types.BatchesResult, await self.query(query, timeout))

    async def holds(
        self, user_id: str, *, all: bool = False, timeout: float | None = None
    ) -> types.HoldsResult:
        """Return holds, the first to end first; with `all` also those that have ended."""
        query = {"type": "holds", "userId": user_id, "all": all or None}
        return cast(types.HoldsResult, await self.query(query, timeout))

    async def transactions(
        self,
        user_id: str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
        page_index: int | None = None,
        timeout: float | None = None,
    ) -> types.TransactionsResult:
        """Return a page of transactions, the newest first."""
        page = {"pageSize": page_size, "cursor": cursor, "pageIndex": page_index}
        query = {"type": "transactions", "userId": user_id, **page}
        return cast(types.TransactionsResult, await self.query(query, timeout))

    async def price(
        self, service: str, quantity: int | None = None, timeout: float | None = None
    ) -> types.PriceResult:
        """Return what units of a service cost."""
        query = {"type": "price", "service": service, "quantity": quantity}
        return cast(types.PriceResult, await self.query(query, timeout))

    async def packages(self, timeout: float | None = None) -> types.PackagesResult:
        """Return the packages for sale."""
        return cast(types.PackagesResult, await self.query({"type": "packages"}, timeout))

    async def quote(
        self,
        user_id: str,
        service: str,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.QuoteResult:
        """Return what a `consume` or a `hold` would cost and use now. Nothing is reserved."""
        cost = {"quantity": quantity, "amount": amount}
        query = {"type": "quote", "userId": user_id, "service": service, **cost}
        return cast(types.QuoteResult, await self.query(query, timeout))

    async def _release_cancelled(self, hold: str, user_id: str, origin: Origin | None) -> None:
        release = {"type": "release", "referenceId": f"{hold}:release"}
        about = {"userId": user_id, "hold": hold}
        try:
            await self.publish({**release, **about}, origin=origin, timeout=RELEASE_TIMEOUT)
        except ScripError:
            pass  # it ends by time

    def _send_fields(
        self, kind: str, fields: dict[str, Any], options: Options
    ) -> Awaitable[types.Outcome]:
        return self.send({"type": kind, **fields}, **options)


class AsyncHoldGuard(HoldState):
    """Credits that are reserved for one piece of work.

    The references of its commands follow from that of the hold: `{hold}:1`, `{hold}:2` and so on
    for captures, and `{hold}:release`. Leaving its `async with` block releases what was not
    captured.
    """

    def __init__(self, client: AsyncLedger, outcome: types.Outcome, origin: Origin | None) -> None:
        super().__init__(outcome, origin)
        self._client = client
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Release an open hold. Errors are ignored, because the hold ends by time.

        A hold whose last capture was refused or has no outcome stays.
        """
        if self._is_open:
            try:
                await finish(self.release(RELEASE_TIMEOUT))
            except ScripError:
                pass

    async def capture(
        self,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.Outcome:
        """Charge the work, or without a number all that is reserved, and end the hold.

        Raise `RefusedError` if the ledger refuses: then the hold still reserves its credits, and
        the guard does not release it, because the work was delivered. After another error the
        capture may be applied: call this again with the same arguments.
        """
        return await self._send(lambda: self._capture(quantity, amount, True), timeout)

    async def capture_step(
        self,
        *,
        quantity: int | None = None,
        amount: int | None = None,
        timeout: float | None = None,
    ) -> types.Outcome:
        """Charge a part of the work and keep the rest reserved. Raise as `capture` does."""
        return await self._send(lambda: self._capture(quantity, amount, False), timeout)

    async def release(self, timeout: float | None = None) -> types.Outcome:
        """End the hold without a charge."""
        return await self._send(self._release, timeout)

    async def _send(self, begin: Callable[[], Begun], timeout: float | None) -> types.Outcome:
        """Send a command after those before it have ended: its reference is the next one."""
        async with self._turn:
            command, before = begin()
            try:
                outcome = await self._client.send(command, **self._options(timeout))
            except BaseException as error:
                self._failed(error, before)
                raise
            return self._end(command, outcome)
