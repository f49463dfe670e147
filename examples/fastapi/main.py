"""The app: sign-up, checkout, a metered chat, and a page with the balance."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import Depends, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, StreamingResponse
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel, Field

import page
import problem
import settings
from checkout import open_stripe_checkout
from current_user import DEMO_COOKIE, SignedIn, current_user, is_user_id
from services import Clients, Open, lifespan

app = FastAPI(title="Chat with credits", lifespan=lifespan)
problem.install(app)


class Question(BaseModel):
    """The body of `POST /api/chat`."""

    prompt: str = Field(min_length=1, max_length=4_000)


@app.get("/")
async def home(
    clients: Clients,
    user_id: Annotated[str | None, Depends(current_user)],
    checkout: str | None = None,
) -> HTMLResponse:
    """Show the balance, the chat and the last transactions."""
    is_test = checkout == "test" and not settings.STRIPE_KEY
    return HTMLResponse(await page.render(clients.ledger, user_id, is_test))


@app.get("/page.js")
async def script() -> FileResponse:
    """Return the script of the page."""
    return FileResponse(Path(__file__).parent / "page.js")


@app.post("/api/sign-up")
async def sign_up(request: Request, clients: Clients) -> RedirectResponse:
    """Make a user of the demo, who gets the bonus of `[registration]`."""
    form = parse_qs((await request.body()).decode(errors="replace"))
    user_id = form.get("user", [""])[0]
    if not is_user_id(user_id):
        detail = "`user` must have 1 to 32 characters of a-z, 0-9 and -"
        raise problem.Problem(400, "invalid_field", detail, field="user")
    await clients.grant_sign_up_bonus(user_id)
    response = RedirectResponse("/", 303)
    response.set_cookie(DEMO_COOKIE, user_id, httponly=True, samesite="lax")
    return response


@app.post("/api/checkout")
async def checkout(request: Request, clients: Clients, user_id: SignedIn) -> RedirectResponse:
    """Send the user to the checkout of the payment provider."""
    key, home = settings.STRIPE_KEY, str(request.base_url)
    if not key:
        return RedirectResponse("/?checkout=test", 303)
    return RedirectResponse(await open_stripe_checkout(clients.ledger, key, user_id, home), 303)


@app.get("/api/token")
async def token(clients: Clients, user_id: SignedIn) -> dict[str, str]:
    """Return a token by which the browser reads the balance of its own user."""
    made = await clients.ledger.user_token(user_id)
    return {"url": settings.SCRIP_PUBLIC_URL, "userId": user_id, "token": made["token"]}


@app.post("/api/chat")
async def chat(
    question: Question, clients: Clients, user_id: SignedIn, opened: Open
) -> StreamingResponse:
    """Answer a prompt, and charge the tokens that the model reports."""
    messages = [{"role": "user", "content": question.prompt}]
    call = clients.chat.stream(f"chat:{uuid4()}", user_id, model=settings.MODEL, messages=messages)
    # Runs last: what is opened last is closed first.
    opened.callback(problem.log.info, "chat ended, user %s", user_id)
    # Raises before the response begins if credits are missing or the model fails.
    chunks = await opened.enter_async_context(call)
    return StreamingResponse(texts(chunks, opened), media_type="text/plain")


async def texts(
    chunks: AsyncIterator[ChatCompletionChunk], opened: AsyncExitStack
) -> AsyncIterator[str]:
    """Pass on the texts of an answer, and charge it before it ends."""
    async for chunk in chunks:
        for choice in chunk.choices:
            yield choice.delta.content or ""
    await opened.aclose()
