"""The bodies of the HTTP API.

Written by scripts/generate.py from docs/reference/openapi.json: run it instead of changing this
file.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class AllocationItem(TypedDict):
    """The change of one batch."""

    # Credits, with the sign of the transaction.
    amount: int
    # The id of the batch.
    batchId: str
    # The credits that are left in the batch afterwards.
    batchRemaining: int


class _BalanceResultRequired(TypedDict):
    """The result of the `balance` query."""

    # The credits that can be spent now.
    availableCredits: int
    # The balance in the ledger. Expired credits count until the expiry job removes them.
    balance: int
    # The credits that the user owes, because revocations could not take them. 0 from a worker that
    # knows no debts.
    debt: int
    # The credits that holds reserve. A hold that has ended reserves nothing.
    held: int
    # `ACTIVE` or `FROZEN`.
    status: str
    # The sum of all purchases and grants without what revocations and repayments took, in credits.
    totalEarned: int
    # The sum of all consumptions minus refunds, in credits.
    totalSpent: int
    # The user who owns the wallet.
    userId: str
    # The number of changes of the wallet.
    version: int


class BalanceResult(_BalanceResultRequired, total=False):
    """The result of the `balance` query."""

    # The next instant at which a hold ends. `None` if nothing is held.
    holdsEndAt: str | None
    # The credits that expire next. `None` if no credits will expire.
    nextExpiringBatch: ExpiringBatch | None
    # The next grant of a plan. `None` if no grant is expected.
    nextGrantInfo: NextGrant | None


class _BatchItemRequired(TypedDict):
    """Credits that were added together and expire together."""

    # The credits it was issued with.
    amount: int
    # The credits of `remaining` that holds reserve.
    held: int
    # The id of the batch.
    id: str
    # When it was granted or bought.
    issuedAt: str
    # Whether it has expired but is still ACTIVE, because the expiry job has not removed its credits
    # yet.
    lapsed: bool
    # The credits that are left.
    remaining: int
    # `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    sourceType: str
    # `ACTIVE`, `CONSUMED`, `EXPIRED` or `REVOKED`.
    status: str
    # The transaction that added it.
    transactionId: str


class BatchItem(_BatchItemRequired, total=False):
    """Credits that were added together and expire together."""

    # The currency of `paid_micros`.
    currency: str | None
    # The first instant at which it cannot be spent any more. `None` means never.
    expiresAt: str | None
    # The month of the granted period, as `YYYY-MM`. `None` unless it is a monthly grant.
    grantPeriod: str | None
    # The price that was paid for it, in millionths of the currency's unit.
    paidMicros: int | None
    # The package or plan it came from.
    sourcePlan: str | None


class BatchesResult(TypedDict):
    """The result of the `batches` query."""

    # The batches, in the order in which they are spent.
    items: list[BatchItem]
    # The user who owns the wallet.
    userId: str


class _CaptureCommandRequired(TypedDict):
    """The body of a `_CaptureCommandRequired`."""

    hold: str
    referenceId: str
    type: Literal["capture"]
    userId: str


class CaptureCommand(_CaptureCommandRequired, total=False):
    """The body of a `CaptureCommand`."""

    amount: int
    description: str
    final: bool
    late: Literal["consume", "reject"]
    metadata: dict[str, Any]
    occurredAt: str
    overrun: Literal["spend", "cap", "reject"]
    quantity: int


class _ConsumeCommandRequired(TypedDict):
    """The body of a `_ConsumeCommandRequired`."""

    referenceId: str
    service: str
    type: Literal["consume"]
    userId: str


class ConsumeCommand(_ConsumeCommandRequired, total=False):
    """The body of a `ConsumeCommand`."""

    amount: int
    description: str
    metadata: dict[str, Any]
    occurredAt: str
    quantity: int


class _ForgiveCommandRequired(TypedDict):
    """The body of a `_ForgiveCommandRequired`."""

    actor: str
    reason: str
    referenceId: str
    type: Literal["forgive"]
    userId: str


class ForgiveCommand(_ForgiveCommandRequired, total=False):
    """The body of a `ForgiveCommand`."""

    amount: int
    description: str
    metadata: dict[str, Any]
    occurredAt: str


class _FreezeCommandRequired(TypedDict):
    """The body of a `_FreezeCommandRequired`."""

    actor: str
    reason: str
    referenceId: str
    type: Literal["freeze"]
    userId: str


class FreezeCommand(_FreezeCommandRequired, total=False):
    """The body of a `FreezeCommand`."""

    description: str
    metadata: dict[str, Any]
    occurredAt: str


class _GrantCommandRequired(TypedDict):
    """The body of a `_GrantCommandRequired`."""

    reason: Literal["registration_bonus", "promotion"]
    referenceId: str
    type: Literal["grant"]
    userId: str


class GrantCommand(_GrantCommandRequired, total=False):
    """The body of a `GrantCommand`."""

    amount: int
    description: str
    metadata: dict[str, Any]
    occurredAt: str
    validityDays: int


class _HoldCommandRequired(TypedDict):
    """The body of a `_HoldCommandRequired`."""

    referenceId: str
    service: str
    type: Literal["hold"]
    userId: str


class HoldCommand(_HoldCommandRequired, total=False):
    """The body of a `HoldCommand`."""

    amount: int
    description: str
    expiresAt: str
    expiresInSeconds: int
    metadata: dict[str, Any]
    occurredAt: str
    quantity: int


class _PurchaseCommandRequired(TypedDict):
    """The body of a `_PurchaseCommandRequired`."""

    purchaseId: str
    referenceId: str
    type: Literal["purchase"]
    userId: str


class PurchaseCommand(_PurchaseCommandRequired, total=False):
    """The body of a `PurchaseCommand`."""

    amountPaid: str
    credits: int
    currency: str
    description: str
    metadata: dict[str, Any]
    occurredAt: str
    packageId: str
    priceId: str
    purchaseLine: str
    quantity: int
    validityDays: int


class _RefundCommandRequired(TypedDict):
    """The body of a `_RefundCommandRequired`."""

    of: str
    referenceId: str
    type: Literal["refund"]
    userId: str


class RefundCommand(_RefundCommandRequired, total=False):
    """The body of a `RefundCommand`."""

    amount: int
    description: str
    metadata: dict[str, Any]
    occurredAt: str


class _ReinstateCommandRequired(TypedDict):
    """The body of a `_ReinstateCommandRequired`."""

    of: str
    referenceId: str
    type: Literal["reinstate"]
    userId: str


class ReinstateCommand(_ReinstateCommandRequired, total=False):
    """The body of a `ReinstateCommand`."""

    description: str
    metadata: dict[str, Any]
    occurredAt: str


class _ReleaseCommandRequired(TypedDict):
    """The body of a `_ReleaseCommandRequired`."""

    hold: str
    referenceId: str
    type: Literal["release"]
    userId: str


class ReleaseCommand(_ReleaseCommandRequired, total=False):
    """The body of a `ReleaseCommand`."""

    description: str
    metadata: dict[str, Any]
    occurredAt: str


class _RevokeCommandRequired(TypedDict):
    """The body of a `_RevokeCommandRequired`."""

    referenceId: str
    type: Literal["revoke"]
    userId: str


class RevokeCommand(_RevokeCommandRequired, total=False):
    """The body of a `RevokeCommand`."""

    amount: int
    amountRefunded: str
    description: str
    metadata: dict[str, Any]
    occurredAt: str
    of: str
    purchaseId: str
    purchaseLine: str
    share: str


class _SubscriptionCommandRequired(TypedDict):
    """The body of a `_SubscriptionCommandRequired`."""

    plan: str
    referenceId: str
    status: Literal["active", "trialing", "past_due", "paused", "canceled", "expired"]
    subscriptionId: str
    type: Literal["subscription"]
    userId: str


class SubscriptionCommand(_SubscriptionCommandRequired, total=False):
    """The body of a `SubscriptionCommand`."""

    anchor: str
    description: str
    metadata: dict[str, Any]
    occurredAt: str
    paidThrough: str
    quantity: int


class _UnfreezeCommandRequired(TypedDict):
    """The body of a `_UnfreezeCommandRequired`."""

    actor: str
    reason: str
    referenceId: str
    type: Literal["unfreeze"]
    userId: str


class UnfreezeCommand(_UnfreezeCommandRequired, total=False):
    """The body of a `UnfreezeCommand`."""

    description: str
    metadata: dict[str, Any]
    occurredAt: str


class ExpiringBatch(TypedDict):
    """The credits that expire next: those of all batches that expire at the next expiry."""

    # The sum of the credits left in these batches, without held credits.
    amount: int
    # The first instant at which they cannot be spent any more.
    expiresAt: str


class _HoldItemRequired(TypedDict):
    """Credits that are reserved for one piece of work."""

    # The credits that were reserved at first.
    amount: int
    # The credits that captures have charged.
    captured: int
    # When it was made.
    createdAt: str
    # The first instant at which nothing is reserved any more.
    expiresAt: str
    # The credits that are reserved now. 0 if it has ended.
    held: int
    # Whether it has ended by time but is still OPEN, because no command and no job has closed it
    # yet. Its credits are available.
    lapsed: bool
    # The origin of the hold: `usage` or `funding`.
    origin: str
    # The reference of the hold, which captures and the release name.
    referenceId: str
    # The name of the service.
    service: str
    # `OPEN`, `CAPTURED`, `RELEASED` or `EXPIRED`.
    status: str
    # The transaction of the hold.
    transactionId: str


class HoldItem(_HoldItemRequired, total=False):
    """Credits that are reserved for one piece of work."""

    # When it was captured, released or closed after its end. `None` while it is open.
    closedAt: str | None


class HoldsResult(TypedDict):
    """The result of the `holds` query."""

    # The holds, the first to end first. Closed holds come last.
    items: list[HoldItem]
    # The user who owns the wallet.
    userId: str


class NextGrant(TypedDict):
    """The next grant of a plan."""

    # The number of credits.
    amount: int
    # The start of the period. It is in the past if the grant is due but not made yet.
    grantDate: str
    # The name of the plan.
    planName: str


class _OutcomeRequired(TypedDict):
    """The result of a command. Fields that do not apply are absent."""

    # The reference of the command.
    referenceId: str
    # Whether an earlier copy of the command decided this outcome. Then this copy changed nothing.
    replayed: bool
    # Whether the command was applied or refused.
    status: Literal["completed", "failed"]
    # The `type` of the command.
    type: str
    # The user who owns the wallet.
    userId: str


class Outcome(_OutcomeRequired, total=False):
    """The result of a command. Fields that do not apply are absent."""

    # The changes of batches, in order.
    allocations: list[AllocationItem]
    # The net change of the balance, in credits.
    amount: int | None
    # The credits that can be spent now. `None` if the outcome is replayed.
    available: int | None
    # The balance after the command, as stored at that time.
    balance: int | None
    # The debt that a `reinstate` cancelled.
    cancelled: int | None
    # The credits that were not granted, if the cap clipped a grant.
    clipped: int | None
    # The debt after the command, if it is about debt or has changed it.
    debt: int | None
    # Whether the default price was charged, or would have been, because the service has no price.
    defaultPrice: bool | None
    # The refusal. `None` if the command was applied.
    error: OutcomeError | None
    # The debt that a `forgive` wrote off.
    forgiven: int | None
    # The credits that were granted, if the cap clipped a grant.
    granted: int | None
    # The credits that the hold reserves after the command: after a `hold`, and after a `capture` or
    # `release`, which may leave 0.
    held: int | None
    # The first instant at which the hold reserves nothing any more, while it reserves credits.
    holdExpiresAt: str | None
    # The revoked credits that became debt.
    indebted: int | None
    # Whether a purchase took the wallet over the cap. The purchase is credited nevertheless.
    overCap: bool | None
    # The credits that the command added or returned, and that repaid debt.
    repaid: int | None
    # The credits that a `reinstate` returned.
    restored: int | None
    # The credits of deposits that a `revoke` revoked, whether they were taken, are owed or had
    # expired.
    revoked: int | None
    # The reason why the grant of a period brought no credits: `lapsed` or `paid_plan`.
    skipped: str | None
    # Whether the subscription event is older than the latest known one.
    stale: bool | None
    # The revoked credits that were taken from batches.
    taken: int | None
    # The double-entry postings, in order.
    transactions: list[Posting]
    # The credits that a `capture` with `overrun: "cap"` did not charge, because neither the hold
    # nor the available credits covered them.
    uncaptured: int | None


class _OutcomeErrorRequired(TypedDict):
    """The reason why a command was refused."""

    # The code, from the closed list of refusals.
    code: str
    # A sentence for people. Programs must not parse it.
    message: str


class OutcomeError(_OutcomeErrorRequired, total=False):
    """The reason why a command was refused."""

    # The spendable credits, for `insufficient_credits`. The credits that are left, for the others.
    available: int | None
    # The reference of the command that credited the payment, for `duplicate_payment`.
    firstReferenceId: str | None
    # The transaction that credited the payment, for `duplicate_payment`.
    firstTransactionId: str | None
    # The cost of the command, for `insufficient_credits`. The credits that the command names, for
    # `refund_exceeds_consumption`, `revoke_exceeds_credits` and `forgive_exceeds_debt`.
    required: int | None


class _PackageItemRequired(TypedDict):
    """A package of credits for sale."""

    # The free credits on top.
    bonus: int
    # The credits that are paid for.
    credits: int
    # The id, which is the `packageId` of a purchase.
    id: str


class PackageItem(_PackageItemRequired, total=False):
    """A package of credits for sale."""

    # The currency of the price.
    currency: str | None
    # Whether the shop should recommend it.
    popular: bool
    # The price, as a decimal text.
    price: str | None
    # The payment provider's id of the price.
    priceId: str | None
    # Days until the credits expire. `None` means never.
    validityDays: int | None


class PackagesResult(TypedDict):
    """The result of the `packages` query."""

    # The packages for sale, the smallest first.
    items: list[PackageItem]


class Posting(TypedDict):
    """One double-entry posting."""

    # Credits. Positive if the wallet gains, negative if it loses.
    amount: int
    # The id of the transaction.
    id: str
    # The type, such as `consumption` or `purchase`.
    type: str


class _PriceResultRequired(TypedDict):
    """The result of the `price` query."""

    # The cost of these units, in credits.
    credits: int
    # The price behind the cost: `ceil(quantity × credits / per)`.
    pricing: Pricing
    # The number of units.
    quantity: int
    # The name of the service.
    service: str


class PriceResult(_PriceResultRequired, total=False):
    """The result of the `price` query."""

    # Whether it is the default price, because the service has no price.
    isDefault: bool


class Pricing(TypedDict):
    """A price: `credits` for each `per` units."""

    # The credits for `per` units.
    credits: int
    # The number of units that `credits` pays for.
    per: int


class _ProblemRequired(TypedDict):
    """The body of a `_ProblemRequired`."""

    code: str
    detail: str
    status: int
    title: str
    type: str


class Problem(_ProblemRequired, total=False):
    """The body of a `Problem`."""

    field: str
    index: int


class _QuoteBatchRequired(TypedDict):
    """A batch that a command would use."""

    # The credits of the batch that would be used.
    amount: int
    # `PURCHASE`, `SUBSCRIPTION` or `BONUS`.
    sourceType: str


class QuoteBatch(_QuoteBatchRequired, total=False):
    """A batch that a command would use."""

    # The id of the batch. `None` if a period of a plan is due that brings it and was not granted
    # yet.
    batchId: str | None
    # The first instant at which it cannot be spent any more. `None` means never.
    expiresAt: str | None


class _QuoteResultRequired(TypedDict):
    """The result of the `quote` query: what a `hold` or `consume` would do now."""

    # Whether the command would be applied.
    allowed: bool
    # The credits that can be spent now.
    available: int
    # The batches that would be used, in spending order. Empty if the command would be refused.
    batches: list[QuoteBatch]
    # The name of the service.
    service: str
    # The user who owns the wallet.
    userId: str


class QuoteResult(_QuoteResultRequired, total=False):
    """The result of the `quote` query: what a `hold` or `consume` would do now."""

    # The cost. `None` if the service has no price.
    credits: int | None
    # The refusal of the command. `None` if it would be applied.
    error: OutcomeError | None
    # Whether it is the default price, because the service has no price.
    isDefault: bool
    # The number of units. `None` if the query names an amount.
    quantity: int | None


class _ReceiptRequired(TypedDict):
    """The body of a `_ReceiptRequired`."""

    origin: Literal["usage", "funding"]
    referenceId: str
    status: Literal["accepted", "rejected"]
    type: str
    userId: str


class Receipt(_ReceiptRequired, total=False):
    """The body of a `Receipt`."""

    # Why a command of a batch is rejected.
    error: dict[str, Any]


class _TransactionItemRequired(TypedDict):
    """One double-entry posting, or one refusal."""

    # The changes of batches, in the order of spending.
    allocations: list[AllocationItem]
    # Credits. Positive if the wallet gained, negative if it lost.
    amount: int
    # When it was decided.
    createdAt: str
    # The id of the transaction.
    id: str
    # The effective time of the command.
    occurredAt: str
    # The origin of the command: `usage`, `funding` or `internal`.
    origin: str
    # The reference of the command.
    referenceId: str
    # `COMPLETED`, or `FAILED` if it was refused.
    status: str
    # The type: `purchase`, `consumption` and so on.
    type: str


class TransactionItem(_TransactionItemRequired, total=False):
    """One double-entry posting, or one refusal."""

    # The balance afterwards. `None` if the user had no wallet.
    balanceAfter: int | None
    # The account that the credits reached. `None` if no credits moved and the debt stayed the same.
    creditAccount: str | None
    # The account that the credits left. `None` if no credits moved and the debt stayed the same.
    debitAccount: str | None
    # The change of the wallet's debt, in credits. `None` if it stayed the same.
    debtChange: int | None
    # The caller's text for people.
    description: str | None
    # Further details: the request of a refusal, the reason and actor of a freeze, the credits or
    # period that were skipped.
    detail: Any
    # The code of the refusal. `None` unless it was refused.
    errorCode: str | None
    # The caller's JSON object for programs.
    metadata: Any
    # The start of the granted period.
    periodStart: str | None
    # The payment provider's id of the payment.
    purchaseId: str | None
    # The line of the payment, if it has several.
    purchaseLine: str | None
    # The number of units that were used.
    quantity: int | None
    # The transaction that this one belongs to: the purchase of a bonus, the consumption of a
    # refund, what a revocation takes back, the revocation of a reinstatement.
    relatedId: str | None
    # The reference of that transaction.
    relatedReferenceId: str | None
    # The service that the credits were spent on.
    service: str | None
    # The id of the subscription.
    subscriptionId: str | None


class _TransactionsResultRequired(TypedDict):
    """The result of the `transactions` query."""

    # The page's transactions, newest first.
    items: list[TransactionItem]
    # The number of pages for `total` rows.
    pageCount: int
    # The number of rows per page.
    pageSize: int
    # The number of transactions, counted up to 10,000.
    total: int
    # The user who owns the wallet.
    userId: str


class TransactionsResult(_TransactionsResultRequired, total=False):
    """The result of the `transactions` query."""

    # The cursor of the next page. `None` on the last page.
    nextCursor: str | None
    # The number of this page, starting at 0. `None` for a page by cursor.
    pageIndex: int | None
    # Whether there are more transactions than `total`.
    totalIsCapped: bool


class UserToken(TypedDict):
    """The body of a `UserToken`."""

    expiresAt: str
    token: str
    userId: str


Command = (
    ConsumeCommand
    | HoldCommand
    | CaptureCommand
    | ReleaseCommand
    | RefundCommand
    | GrantCommand
    | PurchaseCommand
    | SubscriptionCommand
    | RevokeCommand
    | ReinstateCommand
    | ForgiveCommand
    | FreezeCommand
    | UnfreezeCommand
)
