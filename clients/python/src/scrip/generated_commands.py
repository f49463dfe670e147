"""The methods of commands.

Written by scripts/generate.py from docs/reference/openapi.json: run it instead of changing this
file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import Options

Result = TypeVar("Result")


class Commands(ABC, Generic[Result]):
    """The commands that return an outcome, or an awaitable of it."""

    @abstractmethod
    def _send_fields(self, kind: str, fields: dict[str, Any], options: Options) -> Result: ...

    def consume(
        self,
        reference_id: str,
        user_id: str,
        service: str,
        *,
        amount: int | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        quantity: int | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Spend credits, by `quantity` (1 if absent) or by `amount`."""
        return self._send_fields(
            "consume",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "service": service,
                "amount": amount,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "quantity": quantity,
            },
            options,
        )

    def capture(
        self,
        reference_id: str,
        user_id: str,
        hold: str,
        *,
        amount: int | None = None,
        description: str | None = None,
        final: bool | None = None,
        late: Literal["consume", "reject"] | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        overrun: Literal["spend", "cap", "reject"] | None = None,
        quantity: int | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Spend credits that a hold reserves."""
        return self._send_fields(
            "capture",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "hold": hold,
                "amount": amount,
                "description": description,
                "final": final,
                "late": late,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "overrun": overrun,
                "quantity": quantity,
            },
            options,
        )

    def release(
        self,
        reference_id: str,
        user_id: str,
        hold: str,
        *,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """End a hold without a charge."""
        return self._send_fields(
            "release",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "hold": hold,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )

    def refund(
        self,
        reference_id: str,
        user_id: str,
        of: str,
        *,
        amount: int | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Return credits of a consumption or a capture."""
        return self._send_fields(
            "refund",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "of": of,
                "amount": amount,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )

    def grant(
        self,
        reference_id: str,
        user_id: str,
        reason: Literal["registration_bonus", "promotion"],
        *,
        amount: int | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        validity_days: int | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Give free credits, and open the wallet."""
        return self._send_fields(
            "grant",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "reason": reason,
                "amount": amount,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "validityDays": validity_days,
            },
            options,
        )

    def purchase(
        self,
        reference_id: str,
        user_id: str,
        purchase_id: str,
        *,
        amount_paid: str | None = None,
        credits: int | None = None,
        currency: str | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        package_id: str | None = None,
        price_id: str | None = None,
        purchase_line: str | None = None,
        quantity: int | None = None,
        validity_days: int | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Credit a payment once. Its id is `reference_id` and `purchase_id`."""
        return self._send_fields(
            "purchase",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "purchaseId": purchase_id,
                "amountPaid": amount_paid,
                "credits": credits,
                "currency": currency,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "packageId": package_id,
                "priceId": price_id,
                "purchaseLine": purchase_line,
                "quantity": quantity,
                "validityDays": validity_days,
            },
            options,
        )

    def subscribe(
        self,
        reference_id: str,
        user_id: str,
        plan: str,
        status: Literal["active", "trialing", "past_due", "paused", "canceled", "expired"],
        subscription_id: str,
        *,
        anchor: str | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        paid_through: str | None = None,
        quantity: int | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Report a change of a subscription. Always name `paid_through`."""
        return self._send_fields(
            "subscription",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "plan": plan,
                "status": status,
                "subscriptionId": subscription_id,
                "anchor": anchor,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "paidThrough": paid_through,
                "quantity": quantity,
            },
            options,
        )

    def revoke(
        self,
        reference_id: str,
        user_id: str,
        *,
        amount: int | None = None,
        amount_refunded: str | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        of: str | None = None,
        purchase_id: str | None = None,
        purchase_line: str | None = None,
        share: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Take credits of a deposit back, named by `of` or by `purchase_id`."""
        return self._send_fields(
            "revoke",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "amount": amount,
                "amountRefunded": amount_refunded,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
                "of": of,
                "purchaseId": purchase_id,
                "purchaseLine": purchase_line,
                "share": share,
            },
            options,
        )

    def reinstate(
        self,
        reference_id: str,
        user_id: str,
        of: str,
        *,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Undo a revocation."""
        return self._send_fields(
            "reinstate",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "of": of,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )

    def forgive(
        self,
        reference_id: str,
        user_id: str,
        actor: str,
        reason: str,
        *,
        amount: int | None = None,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Write off debt."""
        return self._send_fields(
            "forgive",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "actor": actor,
                "reason": reason,
                "amount": amount,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )

    def freeze(
        self,
        reference_id: str,
        user_id: str,
        actor: str,
        reason: str,
        *,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Stop a wallet from spending."""
        return self._send_fields(
            "freeze",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "actor": actor,
                "reason": reason,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )

    def unfreeze(
        self,
        reference_id: str,
        user_id: str,
        actor: str,
        reason: str,
        *,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        occurred_at: str | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Allow a frozen wallet to spend again."""
        return self._send_fields(
            "unfreeze",
            {
                "referenceId": reference_id,
                "userId": user_id,
                "actor": actor,
                "reason": reason,
                "description": description,
                "metadata": metadata,
                "occurredAt": occurred_at,
            },
            options,
        )
