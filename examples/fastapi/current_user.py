"""REPLACE THIS FILE by the sign-in of your app.

The demo believes the name in a cookie, and any visitor may write any name into it: the cookie
proves nothing.
"""

import re
from typing import Annotated

from fastapi import Depends, Request

from problem import Problem

DEMO_COOKIE = "demo-user"

# The form of user ids in the demo.
USER_ID = re.compile(r"[a-z0-9-]{1,32}")


def current_user(request: Request) -> str | None:
    """Return the id of the user who is signed in. Your app must verify the session here."""
    user_id = request.cookies.get(DEMO_COOKIE, "")
    return user_id if is_user_id(user_id) else None


def is_user_id(text: str) -> bool:
    """Return whether a text has the form of a user id."""
    return USER_ID.fullmatch(text) is not None


def signed_in(user_id: Annotated[str | None, Depends(current_user)]) -> str:
    """Return the id of the user, or answer with 401."""
    if user_id is None:
        raise Problem(401, "not_signed_in", "sign up first: POST /api/sign-up with `user`")
    return user_id


# The id of the user who is signed in.
SignedIn = Annotated[str, Depends(signed_in)]
