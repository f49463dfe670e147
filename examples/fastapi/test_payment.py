"""Pay for a package as a test: send to Scrip what Stripe sends after a payment.

It is signed with the same secret. No money moves, and no account of Stripe is needed.

    python test_payment.py USER [PAYMENT]

The same PAYMENT again is the same payment, and is credited once.
"""

import hashlib
import hmac
import json
import sys
import time
from uuid import uuid4

import httpx

import settings


def main() -> None:
    """Send the event and print the answer."""
    match sys.argv[1:]:
        case [user_id]:
            payment = f"pi_{uuid4()}"
        case [user_id, payment]:
            pass
        case _:
            sys.exit("usage: python test_payment.py USER [PAYMENT]")
    secret = settings.required("SCRIP_STRIPE_SECRETS").split(",")[0].strip()
    now = int(time.time())
    session = {
        "id": f"cs_{payment}",
        "object": "checkout.session",
        "mode": "payment",
        "client_reference_id": user_id,
        "metadata": {"packageId": settings.PACKAGE},
        "payment_intent": payment,
        "payment_status": "paid",
        "amount_total": 999,
        "currency": "usd",
    }
    event = {
        "id": f"evt_{uuid4()}",
        "object": "event",
        "type": "checkout.session.completed",
        "created": now,
        "data": {"object": session},
    }
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={now},v1={signature}"}
    url = f"{settings.SCRIP_URL}/webhooks/stripe"
    response = httpx.post(url, content=body, headers=headers)
    print(f"{payment}: {response.status_code} {response.text}")
    if response.is_error:
        sys.exit(1)


if __name__ == "__main__":
    main()
