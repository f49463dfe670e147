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
subscription = {"type": "subscription", "userId": "user_123", "subscriptionId": "sub_1"}
hold = {"type": "hold", "userId": "user_123", "service": "google:chat"}
revoke = {"type": "revoke", "userId": "user_123"}
capture = {"type": "capture", "userId": "user_123", "hold": "größer"}
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
    {**purchase, "packageId": "lite", "quantity": 3, "purchaseId": "pi_1"},
    {**subscription, "plan": "pro", "quantity": 5, "status": "active"},
    {"type": "refund", "userId": "user_123", "of": "req-1"},
    {"type": "refund", "userId": "user_123", "of": "größer", "amount": 3},
    hold,
    {**hold, "amount": 5, "expiresAt": "2026-01-31T09:00:00.000000Z"},
    {**hold, "quantity": 5, "expiresInSeconds": 60},
    capture,
    {**capture, "amount": 5, "final": "true", "overrun": "spend", "late": "consume"},
    {**capture, "quantity": 5, "final": "false", "overrun": "cap", "late": "reject"},
    {**capture, "overrun": "reject"},
    {"type": "release", "userId": "user_123", "hold": "h1"},
    {**revoke, "of": "pi_1"},
    {**revoke, "of": "größer", "amount": 5},
    {**revoke, "purchaseId": "pi_1", "share": 250000},
    {**revoke, "purchaseId": "pi_1", "purchaseLine": "2", "amountRefunded": 2500000},
    {"type": "reinstate", "userId": "user_123", "of": "dp_1"},
    {"type": "forgive", "userId": "user_123"},
    {"type": "forgive", "userId": "user_123", "amount": 22},
]:
    print(fingerprint(command))
