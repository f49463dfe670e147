"""Opens a checkout. Stripe reports the payment to Scrip, so the app never adds credits itself."""

import httpx
from scrip import AsyncScripClient

import settings
from problem import Problem, log


async def open_stripe_checkout(ledger: AsyncScripClient, key: str, user_id: str, home: str) -> str:
    """Open a Checkout session of Stripe for the package. Return its address.

    The session names the user and the package. Scrip credits what its configuration says the
    package brings.
    """
    packages = (await ledger.packages())["items"]
    prices = {one["id"]: one.get("priceId") for one in packages}
    price = prices.get(settings.PACKAGE)
    if not price:
        name = settings.PACKAGE
        raise failed(f"the package `{name}` has no `price_id`: set CREDIT_LITE_PRICE_ID")
    form = {
        "mode": "payment",
        "client_reference_id": user_id,
        "metadata[packageId]": settings.PACKAGE,
        "line_items[0][price]": price,
        "line_items[0][quantity]": "1",
        "success_url": home,
        "cancel_url": home,
    }
    headers = {"authorization": f"Bearer {key}"}
    try:
        async with httpx.AsyncClient(base_url=settings.STRIPE_URL) as stripe:
            response = await stripe.post("/v1/checkout/sessions", data=form, headers=headers)
    except httpx.HTTPError as error:
        raise failed(repr(error)) from error
    if response.is_error:
        raise failed(f"Stripe answered {response.status_code}: {response.text}")
    return str(response.json()["url"])


def failed(reason: str) -> Problem:
    """Log why there is no checkout. Return what the user sees of it."""
    log.error("checkout failed: %s", reason)
    return Problem(502, "checkout_failed", "the checkout could not be opened; try again later")
