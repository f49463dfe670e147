/**
 * The bodies of the HTTP API. Written by scripts/generate.mjs from docs/reference/openapi.json:
 * run `npm run generate` instead of changing this file.
 */

export interface components {
    schemas: {
        /** @description The change of one batch. */
        AllocationItem: {
            /**
             * Format: int64
             * @description Credits, with the sign of the transaction.
             */
            amount: number;
            /**
             * Format: uuid
             * @description The id of the batch.
             */
            batchId: string;
            /**
             * Format: int64
             * @description The credits that are left in the batch afterwards.
             */
            batchRemaining: number;
        };
        /** @description The result of the `balance` query. */
        BalanceResult: {
            /**
             * Format: int64
             * @description The credits that can be spent now.
             */
            availableCredits: number;
            /**
             * Format: int64
             * @description The balance in the ledger. Expired credits count until the expiry job removes them.
             */
            balance: number;
            /**
             * Format: int64
             * @description The credits that the user owes, because revocations could not take them. 0 from a worker
             *     that knows no debts.
             * @default 0
             */
            debt: number;
            /**
             * Format: int64
             * @description The credits that holds reserve. A hold that has ended reserves nothing.
             */
            held: number;
            /**
             * Format: date-time
             * @description The next instant at which a hold ends. `None` if nothing is held.
             */
            holdsEndAt?: string | null;
            /** @description The credits that expire next. `None` if no credits will expire. */
            nextExpiringBatch?: components["schemas"]["ExpiringBatch"] | null;
            /** @description The next grant of a plan. `None` if no grant is expected. */
            nextGrantInfo?: components["schemas"]["NextGrant"] | null;
            /** @description `ACTIVE` or `FROZEN`. */
            status: string;
            /**
             * Format: int64
             * @description The sum of all purchases and grants without what revocations and repayments took, in
             *     credits.
             */
            totalEarned: number;
            /**
             * Format: int64
             * @description The sum of all consumptions minus refunds, in credits.
             */
            totalSpent: number;
            /** @description The user who owns the wallet. */
            userId: string;
            /**
             * Format: int64
             * @description The number of changes of the wallet.
             * @default 0
             */
            version: number;
        };
        /** @description Credits that were added together and expire together. */
        BatchItem: {
            /**
             * Format: int64
             * @description The credits it was issued with.
             */
            amount: number;
            /** @description The currency of `paid_micros`. */
            currency?: string | null;
            /**
             * Format: date-time
             * @description The first instant at which it cannot be spent any more. `None` means never.
             */
            expiresAt?: string | null;
            /** @description The month of the granted period, as `YYYY-MM`. `None` unless it is a monthly grant. */
            grantPeriod?: string | null;
            /**
             * Format: int64
             * @description The credits of `remaining` that holds reserve.
             */
            held: number;
            /**
             * Format: uuid
             * @description The id of the batch.
             */
            id: string;
            /**
             * Format: date-time
             * @description When it was granted or bought.
             */
            issuedAt: string;
            /**
             * @description Whether it has expired but is still ACTIVE, because the expiry job has not removed its
             *     credits yet.
             */
            lapsed: boolean;
            /**
             * Format: int64
             * @description The price that was paid for it, in millionths of the currency's unit.
             */
            paidMicros?: number | null;
            /**
             * Format: int64
             * @description The credits that are left.
             */
            remaining: number;
            /** @description The package or plan it came from. */
            sourcePlan?: string | null;
            /** @description `PURCHASE`, `SUBSCRIPTION` or `BONUS`. */
            sourceType: string;
            /** @description `ACTIVE`, `CONSUMED`, `EXPIRED` or `REVOKED`. */
            status: string;
            /**
             * Format: uuid
             * @description The transaction that added it.
             */
            transactionId: string;
        };
        /** @description The result of the `batches` query. */
        BatchesResult: {
            /** @description The batches, in the order in which they are spent. */
            items: components["schemas"]["BatchItem"][];
            /** @description The user who owns the wallet. */
            userId: string;
        };
        Command: components["schemas"]["Command.consume"] | components["schemas"]["Command.hold"] | components["schemas"]["Command.capture"] | components["schemas"]["Command.release"] | components["schemas"]["Command.refund"] | components["schemas"]["Command.grant"] | components["schemas"]["Command.purchase"] | components["schemas"]["Command.subscription"] | components["schemas"]["Command.revoke"] | components["schemas"]["Command.reinstate"] | components["schemas"]["Command.forgive"] | components["schemas"]["Command.freeze"] | components["schemas"]["Command.unfreeze"];
        "Command.capture": {
            amount?: number;
            description?: string;
            final?: boolean;
            hold: string;
            /** @enum {string} */
            late?: "consume" | "reject";
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            /** @enum {string} */
            overrun?: "spend" | "cap" | "reject";
            quantity?: number;
            referenceId: string;
            /** @constant */
            type: "capture";
            userId: string;
        };
        "Command.consume": {
            amount?: number;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            quantity?: number;
            referenceId: string;
            service: string;
            /** @constant */
            type: "consume";
            userId: string;
        };
        "Command.forgive": {
            actor: string;
            amount?: number;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            reason: string;
            referenceId: string;
            /** @constant */
            type: "forgive";
            userId: string;
        };
        "Command.freeze": {
            actor: string;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            reason: string;
            referenceId: string;
            /** @constant */
            type: "freeze";
            userId: string;
        };
        "Command.grant": {
            amount?: number;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            /** @enum {string} */
            reason: "registration_bonus" | "promotion";
            referenceId: string;
            /** @constant */
            type: "grant";
            userId: string;
            validityDays?: number;
        };
        "Command.hold": {
            amount?: number;
            description?: string;
            /** Format: date-time */
            expiresAt?: string;
            expiresInSeconds?: number;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            quantity?: number;
            referenceId: string;
            service: string;
            /** @constant */
            type: "hold";
            userId: string;
        };
        "Command.purchase": {
            amountPaid?: string;
            credits?: number;
            currency?: string;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            packageId?: string;
            priceId?: string;
            purchaseId: string;
            purchaseLine?: string;
            quantity?: number;
            referenceId: string;
            /** @constant */
            type: "purchase";
            userId: string;
            validityDays?: number;
        } & (unknown | unknown | unknown);
        "Command.refund": {
            amount?: number;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            of: string;
            referenceId: string;
            /** @constant */
            type: "refund";
            userId: string;
        };
        "Command.reinstate": {
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            of: string;
            referenceId: string;
            /** @constant */
            type: "reinstate";
            userId: string;
        };
        "Command.release": {
            description?: string;
            hold: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            referenceId: string;
            /** @constant */
            type: "release";
            userId: string;
        };
        "Command.revoke": {
            amount?: number;
            amountRefunded?: string;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            of?: string;
            purchaseId?: string;
            purchaseLine?: string;
            referenceId: string;
            share?: string;
            /** @constant */
            type: "revoke";
            userId: string;
        } & (unknown | unknown);
        "Command.subscription": {
            /** Format: date-time */
            anchor?: string;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            /** Format: date-time */
            paidThrough?: string;
            plan: string;
            quantity?: number;
            referenceId: string;
            /** @enum {string} */
            status: "active" | "trialing" | "past_due" | "paused" | "canceled" | "expired";
            subscriptionId: string;
            /** @constant */
            type: "subscription";
            userId: string;
        };
        "Command.unfreeze": {
            actor: string;
            description?: string;
            metadata?: Record<string, unknown>;
            /** Format: date-time */
            occurredAt?: string;
            reason: string;
            referenceId: string;
            /** @constant */
            type: "unfreeze";
            userId: string;
        };
        /** @description The credits that expire next: those of all batches that expire at the next expiry. */
        ExpiringBatch: {
            /**
             * Format: int64
             * @description The sum of the credits left in these batches, without held credits.
             */
            amount: number;
            /**
             * Format: date-time
             * @description The first instant at which they cannot be spent any more.
             */
            expiresAt: string;
        };
        /** @description Credits that are reserved for one piece of work. */
        HoldItem: {
            /**
             * Format: int64
             * @description The credits that were reserved at first.
             */
            amount: number;
            /**
             * Format: int64
             * @description The credits that captures have charged.
             */
            captured: number;
            /**
             * Format: date-time
             * @description When it was captured, released or closed after its end. `None` while it is open.
             */
            closedAt?: string | null;
            /**
             * Format: date-time
             * @description When it was made.
             */
            createdAt: string;
            /**
             * Format: date-time
             * @description The first instant at which nothing is reserved any more.
             */
            expiresAt: string;
            /**
             * Format: int64
             * @description The credits that are reserved now. 0 if it has ended.
             */
            held: number;
            /**
             * @description Whether it has ended by time but is still OPEN, because no command and no job has closed it
             *     yet. Its credits are available.
             */
            lapsed: boolean;
            /** @description The origin of the hold: `usage` or `funding`. */
            origin: string;
            /** @description The reference of the hold, which captures and the release name. */
            referenceId: string;
            /** @description The name of the service. */
            service: string;
            /** @description `OPEN`, `CAPTURED`, `RELEASED` or `EXPIRED`. */
            status: string;
            /**
             * Format: uuid
             * @description The transaction of the hold.
             */
            transactionId: string;
        };
        /** @description The result of the `holds` query. */
        HoldsResult: {
            /** @description The holds, the first to end first. Closed holds come last. */
            items: components["schemas"]["HoldItem"][];
            /** @description The user who owns the wallet. */
            userId: string;
        };
        /** @description The next grant of a plan. */
        NextGrant: {
            /**
             * Format: int64
             * @description The number of credits.
             */
            amount: number;
            /**
             * Format: date-time
             * @description The start of the period. It is in the past if the grant is due but not made yet.
             */
            grantDate: string;
            /** @description The name of the plan. */
            planName: string;
        };
        /** @description The result of a command. Fields that do not apply are absent. */
        Outcome: {
            /** @description The changes of batches, in order. */
            allocations?: components["schemas"]["AllocationItem"][];
            /**
             * Format: int64
             * @description The net change of the balance, in credits.
             */
            amount?: number | null;
            /**
             * Format: int64
             * @description The credits that can be spent now. `None` if the outcome is replayed.
             */
            available?: number | null;
            /**
             * Format: int64
             * @description The balance after the command, as stored at that time.
             */
            balance?: number | null;
            /**
             * Format: int64
             * @description The debt that a `reinstate` cancelled.
             */
            cancelled?: number | null;
            /**
             * Format: int64
             * @description The credits that were not granted, if the cap clipped a grant.
             */
            clipped?: number | null;
            /**
             * Format: int64
             * @description The debt after the command, if it is about debt or has changed it.
             */
            debt?: number | null;
            /** @description Whether the default price was charged, or would have been, because the service has no price. */
            defaultPrice?: boolean | null;
            /** @description The refusal. `None` if the command was applied. */
            error?: components["schemas"]["OutcomeError"] | null;
            /**
             * Format: int64
             * @description The debt that a `forgive` wrote off.
             */
            forgiven?: number | null;
            /**
             * Format: int64
             * @description The credits that were granted, if the cap clipped a grant.
             */
            granted?: number | null;
            /**
             * Format: int64
             * @description The credits that the hold reserves after the command: after a `hold`, and after a `capture`
             *     or `release`, which may leave 0.
             */
            held?: number | null;
            /**
             * Format: date-time
             * @description The first instant at which the hold reserves nothing any more, while it reserves credits.
             */
            holdExpiresAt?: string | null;
            /**
             * Format: int64
             * @description The revoked credits that became debt.
             */
            indebted?: number | null;
            /** @description Whether a purchase took the wallet over the cap. The purchase is credited nevertheless. */
            overCap?: boolean | null;
            /** @description The reference of the command. */
            referenceId: string;
            /**
             * Format: int64
             * @description The credits that the command added or returned, and that repaid debt.
             */
            repaid?: number | null;
            /** @description Whether an earlier copy of the command decided this outcome. Then this copy changed nothing. */
            replayed: boolean;
            /**
             * Format: int64
             * @description The credits that a `reinstate` returned.
             */
            restored?: number | null;
            /**
             * Format: int64
             * @description The credits of deposits that a `revoke` revoked, whether they were taken, are owed or had
             *     expired.
             */
            revoked?: number | null;
            /** @description The reason why the grant of a period brought no credits: `lapsed` or `paid_plan`. */
            skipped?: string | null;
            /** @description Whether the subscription event is older than the latest known one. */
            stale?: boolean | null;
            /**
             * @description Whether the command was applied or refused.
             * @enum {string}
             */
            status: "completed" | "failed";
            /**
             * Format: int64
             * @description The revoked credits that were taken from batches.
             */
            taken?: number | null;
            /** @description The double-entry postings, in order. */
            transactions?: components["schemas"]["Posting"][];
            /** @description The `type` of the command. */
            type: string;
            /**
             * Format: int64
             * @description The credits that a `capture` with `overrun: "cap"` did not charge, because neither the hold
             *     nor the available credits covered them.
             */
            uncaptured?: number | null;
            /** @description The user who owns the wallet. */
            userId: string;
        };
        /** @description The reason why a command was refused. */
        OutcomeError: {
            /**
             * Format: int64
             * @description The spendable credits, for `insufficient_credits`. The credits that are left, for the others.
             */
            available?: number | null;
            /** @description The code, from the closed list of refusals. */
            code: string;
            /** @description The reference of the command that credited the payment, for `duplicate_payment`. */
            firstReferenceId?: string | null;
            /**
             * Format: uuid
             * @description The transaction that credited the payment, for `duplicate_payment`.
             */
            firstTransactionId?: string | null;
            /** @description A sentence for people. Programs must not parse it. */
            message: string;
            /**
             * Format: int64
             * @description The cost of the command, for `insufficient_credits`. The credits that the command names, for
             *     `refund_exceeds_consumption`, `revoke_exceeds_credits` and `forgive_exceeds_debt`.
             */
            required?: number | null;
        };
        /** @description A package of credits for sale. */
        PackageItem: {
            /**
             * Format: int64
             * @description The free credits on top.
             */
            bonus: number;
            /**
             * Format: int64
             * @description The credits that are paid for.
             */
            credits: number;
            /** @description The currency of the price. */
            currency?: string | null;
            /** @description The id, which is the `packageId` of a purchase. */
            id: string;
            /** @description Whether the shop should recommend it. */
            popular?: boolean;
            /** @description The price, as a decimal text. */
            price?: string | null;
            /** @description The payment provider's id of the price. */
            priceId?: string | null;
            /**
             * Format: int64
             * @description Days until the credits expire. `None` means never.
             */
            validityDays?: number | null;
        };
        /** @description The result of the `packages` query. */
        PackagesResult: {
            /** @description The packages for sale, the smallest first. */
            items: components["schemas"]["PackageItem"][];
        };
        /** @description One double-entry posting. */
        Posting: {
            /**
             * Format: int64
             * @description Credits. Positive if the wallet gains, negative if it loses.
             */
            amount: number;
            /**
             * Format: uuid
             * @description The id of the transaction.
             */
            id: string;
            /** @description The type, such as `consumption` or `purchase`. */
            type: string;
        };
        /** @description The result of the `price` query. */
        PriceResult: {
            /**
             * Format: int64
             * @description The cost of these units, in credits.
             */
            credits: number;
            /** @description Whether it is the default price, because the service has no price. */
            isDefault?: boolean;
            /** @description The price behind the cost: `ceil(quantity × credits / per)`. */
            pricing: components["schemas"]["Pricing"];
            /**
             * Format: int64
             * @description The number of units.
             */
            quantity: number;
            /** @description The name of the service. */
            service: string;
        };
        /** @description A price: `credits` for each `per` units. */
        Pricing: {
            /**
             * Format: int64
             * @description The credits for `per` units.
             */
            credits: number;
            /**
             * Format: int64
             * @description The number of units that `credits` pays for.
             */
            per: number;
        };
        Problem: {
            code: string;
            detail: string;
            field?: string;
            index?: number;
            status: number;
            title: string;
            type: string;
        };
        /** @description A batch that a command would use. */
        QuoteBatch: {
            /**
             * Format: int64
             * @description The credits of the batch that would be used.
             */
            amount: number;
            /**
             * Format: uuid
             * @description The id of the batch. `None` if a period of a plan is due that brings it and was not granted
             *     yet.
             */
            batchId?: string | null;
            /**
             * Format: date-time
             * @description The first instant at which it cannot be spent any more. `None` means never.
             */
            expiresAt?: string | null;
            /** @description `PURCHASE`, `SUBSCRIPTION` or `BONUS`. */
            sourceType: string;
        };
        /** @description The result of the `quote` query: what a `hold` or `consume` would do now. */
        QuoteResult: {
            /** @description Whether the command would be applied. */
            allowed: boolean;
            /**
             * Format: int64
             * @description The credits that can be spent now.
             */
            available: number;
            /**
             * @description The batches that would be used, in spending order. Empty if the command would be refused.
             * @default []
             */
            batches: components["schemas"]["QuoteBatch"][];
            /**
             * Format: int64
             * @description The cost. `None` if the service has no price.
             */
            credits?: number | null;
            /** @description The refusal of the command. `None` if it would be applied. */
            error?: components["schemas"]["OutcomeError"] | null;
            /** @description Whether it is the default price, because the service has no price. */
            isDefault?: boolean;
            /**
             * Format: int64
             * @description The number of units. `None` if the query names an amount.
             */
            quantity?: number | null;
            /** @description The name of the service. */
            service: string;
            /** @description The user who owns the wallet. */
            userId: string;
        };
        Receipt: {
            /** @description Why a command of a batch is rejected. */
            error?: {
                code: string;
                field?: string;
                message: string;
            };
            /** @enum {string} */
            origin: "usage" | "funding";
            referenceId: string;
            /** @enum {string} */
            status: "accepted" | "rejected";
            type: string;
            userId: string;
        };
        /** @description One double-entry posting, or one refusal. */
        TransactionItem: {
            /**
             * @description The changes of batches, in the order of spending.
             * @default []
             */
            allocations: components["schemas"]["AllocationItem"][];
            /**
             * Format: int64
             * @description Credits. Positive if the wallet gained, negative if it lost.
             */
            amount: number;
            /**
             * Format: int64
             * @description The balance afterwards. `None` if the user had no wallet.
             */
            balanceAfter?: number | null;
            /**
             * Format: date-time
             * @description When it was decided.
             */
            createdAt: string;
            /**
             * @description The account that the credits reached. `None` if no credits moved and the debt stayed the
             *     same.
             */
            creditAccount?: string | null;
            /** @description The account that the credits left. `None` if no credits moved and the debt stayed the same. */
            debitAccount?: string | null;
            /**
             * Format: int64
             * @description The change of the wallet's debt, in credits. `None` if it stayed the same.
             */
            debtChange?: number | null;
            /** @description The caller's text for people. */
            description?: string | null;
            /**
             * @description Further details: the request of a refusal, the reason and actor of a freeze, the credits or
             *     period that were skipped.
             */
            detail?: unknown;
            /** @description The code of the refusal. `None` unless it was refused. */
            errorCode?: string | null;
            /**
             * Format: uuid
             * @description The id of the transaction.
             */
            id: string;
            /** @description The caller's JSON object for programs. */
            metadata?: unknown;
            /**
             * Format: date-time
             * @description The effective time of the command.
             */
            occurredAt: string;
            /** @description The origin of the command: `usage`, `funding` or `internal`. */
            origin: string;
            /**
             * Format: date-time
             * @description The start of the granted period.
             */
            periodStart?: string | null;
            /** @description The payment provider's id of the payment. */
            purchaseId?: string | null;
            /** @description The line of the payment, if it has several. */
            purchaseLine?: string | null;
            /**
             * Format: int64
             * @description The number of units that were used.
             */
            quantity?: number | null;
            /** @description The reference of the command. */
            referenceId: string;
            /**
             * Format: uuid
             * @description The transaction that this one belongs to: the purchase of a bonus, the consumption of a
             *     refund, what a revocation takes back, the revocation of a reinstatement.
             */
            relatedId?: string | null;
            /** @description The reference of that transaction. */
            relatedReferenceId?: string | null;
            /** @description The service that the credits were spent on. */
            service?: string | null;
            /** @description `COMPLETED`, or `FAILED` if it was refused. */
            status: string;
            /** @description The id of the subscription. */
            subscriptionId?: string | null;
            /** @description The type: `purchase`, `consumption` and so on. */
            type: string;
        };
        /** @description The result of the `transactions` query. */
        TransactionsResult: {
            /** @description The page's transactions, newest first. */
            items: components["schemas"]["TransactionItem"][];
            /** @description The cursor of the next page. `None` on the last page. */
            nextCursor?: string | null;
            /**
             * Format: uint64
             * @description The number of pages for `total` rows.
             */
            pageCount: number;
            /**
             * Format: uint32
             * @description The number of this page, starting at 0. `None` for a page by cursor.
             */
            pageIndex?: number | null;
            /**
             * Format: uint32
             * @description The number of rows per page.
             */
            pageSize: number;
            /**
             * Format: uint64
             * @description The number of transactions, counted up to 10,000.
             */
            total: number;
            /** @description Whether there are more transactions than `total`. */
            totalIsCapped?: boolean;
            /** @description The user who owns the wallet. */
            userId: string;
        };
        UserToken: {
            /** Format: date-time */
            expiresAt: string;
            token: string;
            userId: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
