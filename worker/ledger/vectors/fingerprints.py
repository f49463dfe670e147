#!/usr/bin/env python3
"""Prints the vectors of fingerprints.txt, from the description in docs/reference/fingerprint.md alone."""

import hashlib


def fingerprint(fields):
    text = b"".join(
        f"{name}:{len(str(value).encode())}:{value}\n".encode() for name, value in fields.items()
    )
    return "01" + hashlib.sha256(text).hexdigest()[:32]


consume = {"type": "consume", "userId": "user_123", "service": "google:chat"}
promotion = {"type": "grant", "userId": "user_123", "reason": "promotion", "amount": 50}
purchase = {"type": "purchase", "userId": "user_123"}
for command in [
    consume,
    {**consume, "amount": 5},
    {**consume, "quantity": 5},
    {"type": "grant", "userId": "üser 🦀", "reason": "registration_bonus"},
    {**promotion, "validityDays": 14},
    promotion,
    {**purchase, "packageId": "lite", "purchaseId": "pi_1"},
    {**purchase, "priceId": "price_1", "purchaseId": "pi_1"},
    {**purchase, "credits": 100, "validityDays": 90, "purchaseId": "pi_1"},
    {**purchase, "packageId": "lite", "purchaseId": "pi_1", "purchaseLine": "1"},
    {**purchase, "packageId": "lite", "purchaseId": "pi_1", "purchaseLine": "größer"},
]:
    print(fingerprint(command))
