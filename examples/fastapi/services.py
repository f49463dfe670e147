"""The clients that the app uses, opened when it starts and closed when it ends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from openai import AsyncOpenAI
from scrip import AsyncScripClient, completed
from scrip.ai import MeterOptions
from scrip.ai.openai import AsyncMeteredChat

import settings


@dataclass(frozen=True)
class Services:
    """The ledger and the model."""

    # Spends and reads. It cannot bring credits.
    ledger: AsyncScripClient
    # Brings credits.
    bridge: AsyncScripClient
    # Holds credits before a call, and captures what was used when it ends, fails or is aborted.
    chat: AsyncMeteredChat

    async def grant_sign_up_bonus(self, user_id: str) -> None:
        """Give a new user the bonus. The reference is that of the user, so it is given once."""
        outcome = await self.bridge.grant(f"sign-up:{user_id}", user_id, "registration_bonus")
        completed(outcome)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the clients."""
    url = settings.SCRIP_URL
    async with (
        AsyncScripClient(url, settings.required("SCRIP_APP_TOKEN")) as ledger,
        AsyncScripClient(url, settings.required("SCRIP_BRIDGE_TOKEN")) as bridge,
        AsyncOpenAI(base_url=settings.MODEL_URL, api_key=settings.MODEL_KEY) as openai,
    ):
        options = MeterOptions(settings.SERVICE, settings.MAX_OUTPUT_TOKENS)
        app.state.services = Services(ledger, bridge, AsyncMeteredChat(openai, ledger, options))
        yield


def of_app(request: Request) -> Services:
    """Return the clients of the app."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


async def of_request() -> AsyncIterator[AsyncExitStack]:
    """Close what a request has opened, after its response has ended or its user has left."""
    async with AsyncExitStack() as stack:
        yield stack


# The clients of the app.
Clients = Annotated[Services, Depends(of_app)]
# What is open until the response has ended.
Open = Annotated[AsyncExitStack, Depends(of_request)]
