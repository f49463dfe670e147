"""The page with the balance, the chat and the last transactions of a user."""

import asyncio
from html import escape
from pathlib import Path
from string import Template

from scrip import AsyncScripClient, ProblemError

FOLDER = Path(__file__).parent
PAGE = Template((FOLDER / "page.html").read_text())
SIGN_UP = (FOLDER / "sign_up.html").read_text()

TEST_PAYMENT = (
    "<p>STRIPE_SECRET_KEY is not set. Pay with"
    " <code>python test_payment.py {user_id}</code> and reload the page.</p>"
)


async def render(ledger: AsyncScripClient, user_id: str | None, is_test: bool) -> str:
    """Return the page of a user, or the form for a user without a wallet."""
    if user_id is None:
        return SIGN_UP
    try:
        balance, history = await asyncio.gather(
            ledger.balance(user_id), ledger.transactions(user_id, page_size=10)
        )
    except ProblemError as error:
        if error.code != "wallet_not_found":
            raise
        return SIGN_UP
    rows = (
        (
            one["createdAt"][:19].replace("T", " "),
            f"refused: {one['errorCode']}" if one.get("errorCode") else one["type"],
            str(one["amount"]),
        )
        for one in history["items"]
    )
    return PAGE.substitute(
        user=escape(user_id),
        available=balance["availableCredits"],
        held=balance["held"],
        rows="".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows),
        payment=TEST_PAYMENT.format(user_id=escape(user_id)) if is_test else "",
    )


def cell(text: str) -> str:
    """Return a cell of the table."""
    return f"<td>{escape(text)}</td>"
