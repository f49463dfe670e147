//! A small ledger that is written row by row into a database. It shows the expected rows without
//! the code under test. It is no model: it decides nothing, and can also hold rows that no command
//! leads to.

mod debts;
mod holds;
mod insert;

mod refunds;

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use entity::{
    credits_allocation, credits_balance, credits_batch, credits_debt, credits_hold,
    credits_hold_slice, credits_refund, credits_revocation, credits_transaction, subscription,
};
use sea_orm::{
    DatabaseConnection,
    prelude::{DateTimeUtc, Uuid},
};
use serde_json::json;

use insert::insert;

/// Types of transactions that change `total_earned`.
const EARNED: [&str; 8] = [
    "purchase",
    "bonus",
    "registration_bonus",
    "monthly_grant",
    "promotion",
    "revocation",
    "repayment",
    "reinstatement",
];

/// Types of transactions that change `total_spent`: spending, and the refund of spending.
const SPENT: [&str; 2] = ["consumption", "refund"];

/// A ledger in memory. [`Book::write`] inserts it into a database.
#[derive(Default)]
pub struct Book {
    next: u32,
    wallets: BTreeMap<String, credits_balance::Model>,
    batches: Vec<credits_batch::Model>,
    transactions: Vec<credits_transaction::Model>,
    allocations: Vec<credits_allocation::Model>,
    holds: Vec<credits_hold::Model>,
    slices: Vec<credits_hold_slice::Model>,
    refunds: Vec<credits_refund::Model>,
    revocations: Vec<credits_revocation::Model>,
    debts: Vec<credits_debt::Model>,
    subscriptions: Vec<subscription::Model>,
}

/// An instant in the format of the column `detail`.
fn instant(at: DateTimeUtc) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The instant `minutes` after 2026-11-22 10:00 UTC. It has a fraction of six decimals, because
/// SQLite needs all six.
pub fn at(minutes: i64) -> DateTimeUtc {
    DateTimeUtc::from_timestamp(1_795_341_600 + minutes * 60, 1_000).expect("in range")
}

/// The account on the other side of a posting of `kind`.
fn other_account(kind: &str, payment: Option<&str>) -> String {
    match kind {
        "consumption" | "refund" => "SERVICE:chat".to_owned(),
        "purchase" | "revocation" | "reinstatement" | "repayment" => {
            format!("PAYMENT:{}", payment.unwrap_or("pi_1"))
        }
        "bonus" => "SYSTEM:purchase-bonus".to_owned(),
        "registration_bonus" => "SYSTEM:registration-bonus".to_owned(),
        "monthly_grant" => "SYSTEM:subscription-grant".to_owned(),
        "promotion" => "SYSTEM:promotion".to_owned(),
        "expiration" => "SYSTEM:expiration".to_owned(),
        other => panic!("no account for {other}"),
    }
}

/// The origin of a posting of `kind`.
fn origin(kind: &str) -> &'static str {
    match kind {
        "consumption" | "hold" => "usage",
        "bonus" | "monthly_grant" | "expiration" => "internal",
        _ => "funding",
    }
}

impl Book {
    /// A ledger with every type of transaction, for the users `ann`, `bob`, `cyd` and `eva`. It also
    /// has refusals, one of them for `dan`, who has no wallet. At minute 60, 10 of the 90 credits of
    /// `ann` have expired, and 5 of the 55 credits of `bob` are held. `cyd` owes 3 of 8 credits.
    pub fn sample() -> Self {
        let mut book = Self::default();
        let sign_up = book.credit("ann", "registration_bonus", 20, Some(500));
        let bought = book.credit("ann", "purchase", 100, None);
        let bonus = book.credit("ann", "bonus", 10, Some(60));
        book.debit("ann", "consumption", &[(sign_up, 20), (bought, 20)]);
        book.refuse("ann", "consumption");
        book.debit("ann", "consumption", &[]);
        let promotion = book.credit("bob", "promotion", 50, Some(20));
        let grant = book.credit("bob", "monthly_grant", 45, Some(600));
        book.subscribe("sub_bob", grant);
        book.hold(grant, 5);
        book.debit("bob", "expiration", &[(promotion, 50)]);
        book.credit("bob", "promotion", 10, Some(400));
        book.freeze("bob");
        let spent = book.credit("cyd", "purchase", 30, Some(700));
        book.debit("cyd", "consumption", &[(spent, 12)]);
        book.refund("cyd", &[(spent, 4)]);
        book.revoke("cyd", &[(spent, 22, 8)]);
        book.forgive("cyd", 3);
        book.repay("cyd", 2);
        let paid = book.credit("eva", "purchase", 20, None);
        let free = book.credit("eva", "bonus", 10, None);
        book.debit("eva", "consumption", &[(paid, 5)]);
        book.revoke("eva", &[(paid, 15, 5), (free, 10, 0)]);
        book.repay("eva", 2);
        book.reinstate("eva", &[(paid, 15, 5), (free, 10, 0)]);
        book.refuse("dan", "consumption");
        assert_eq!(book.batches[bonus].remaining, 10);
        book
    }

    /// Adds credits as a new batch and returns the batch's index. `expires` is in minutes, as for
    /// [`at`]; `None` means that the credits never expire.
    pub fn credit(&mut self, user: &str, kind: &str, amount: i64, expires: Option<i64>) -> usize {
        let id = self.id();
        let transaction_id = self.post(user, kind, amount, "COMPLETED");
        let transaction = self.transactions.last_mut().expect("it was posted");
        let now = transaction.created_at;
        let note = expires.map(|expires| json!({"expiresAt": instant(at(expires))}));
        transaction.detail = Some(json!({"batch": note.unwrap_or_else(|| json!({}))}));
        let source = match kind {
            "purchase" => "PURCHASE",
            "monthly_grant" => "SUBSCRIPTION",
            _ => "BONUS",
        };
        self.batches.push(credits_batch::Model {
            id,
            user_id: user.into(),
            amount,
            remaining: 0,
            held: 0,
            issued_at: now,
            expires_at: expires.map(at),
            status: "ACTIVE".into(),
            source_type: source.into(),
            source_plan: None,
            grant_period: None,
            paid_micros: None,
            currency: None,
            transaction_id,
            deposit_id: None,
            expirations: 0,
            created_at: now,
            updated_at: now,
        });
        let index = self.batches.len() - 1;
        self.allocate(transaction_id, index, amount);
        index
    }

    /// Takes credits from batches, each given by its index.
    pub fn debit(&mut self, user: &str, kind: &str, from: &[(usize, i64)]) {
        let total: i64 = from.iter().map(|(_, amount)| amount).sum();
        let transaction = self.post(user, kind, -total, "COMPLETED");
        for (batch, amount) in from {
            self.allocate(transaction, *batch, -amount);
            let batch = &mut self.batches[*batch];
            if kind == "expiration" {
                batch.expirations += 1;
                let posted = self.transactions.last_mut().expect("it was posted");
                posted.reference_id = format!("expire:{}:{}", batch.id, batch.expirations);
            }
            if batch.remaining == 0 {
                let closed = match kind {
                    "expiration" => "EXPIRED",
                    "revocation" => "REVOKED",
                    _ => "CONSUMED",
                };
                batch.status = closed.into();
            }
        }
    }

    /// Turns a batch into the grant of a subscription's first month.
    pub fn subscribe(&mut self, id: &str, batch: usize) {
        let (anchor, month_later) = (at(0), at(30 * 24 * 60));
        let batch = &mut self.batches[batch];
        batch.grant_period = Some("2026-11".into());
        let id = id.to_owned();
        for transaction in &mut self.transactions {
            if transaction.id == batch.transaction_id {
                transaction.reference_id = format!("grant:{id}:{}", anchor.format("%Y-%m-%d"));
                transaction.subscription_id = Some(id.clone());
                transaction.period_start = Some(anchor);
            }
        }
        self.subscriptions.push(subscription::Model {
            id,
            user_id: batch.user_id.clone(),
            plan: "pro".into(),
            status: "ACTIVE".into(),
            anchor,
            activated_at: Some(anchor),
            ended_at: None,
            paid_through: None,
            next_period_start: Some(month_later),
            due_at: Some(month_later),
            status_at: anchor,
            created_at: anchor,
            updated_at: anchor,
            status_since: Some(anchor),
        });
    }

    /// Records a refusal: `wallet_not_found` without a wallet, otherwise `insufficient_credits`.
    pub fn refuse(&mut self, user: &str, kind: &str) {
        self.post(user, kind, 0, "FAILED");
        let balance = self.wallets.get(user).map(|wallet| wallet.balance);
        let refused = self.transactions.last_mut().expect("it was posted");
        refused.balance_after = balance;
        let request = json!({"type": "consume", "service": "chat"});
        let (code, detail) = match balance {
            None => ("wallet_not_found", json!({"request": request})),
            Some(_) => (
                "insufficient_credits",
                json!({"request": request, "required": 1_000_000, "available": 0}),
            ),
        };
        refused.error_code = Some(code.into());
        refused.detail = Some(detail);
    }

    /// Freezes a wallet.
    pub fn freeze(&mut self, user: &str) {
        self.post(user, "freeze", 0, "COMPLETED");
        self.wallet(user).status = "FROZEN".into();
        let frozen = self.transactions.last_mut().expect("it was posted");
        frozen.detail =
            Some(json!({"request": {"type": "freeze", "reason": "chargeback", "actor": "ops"}}));
    }

    /// The wallet of a user. It is opened if the user has none.
    pub fn wallet(&mut self, user: &str) -> &mut credits_balance::Model {
        let (id, now) = (self.id(), self.now());
        self.wallets
            .entry(user.into())
            .or_insert_with(|| credits_balance::Model {
                id,
                user_id: user.into(),
                balance: 0,
                held: 0,
                total_earned: 0,
                total_spent: 0,
                transaction_count: 0,
                status: "ACTIVE".into(),
                version: 0,
                created_at: now,
                updated_at: now,
                next_due_at: None,
                holds_end_at: None,
                debt: 0,
            })
    }

    /// Inserts every row into the database.
    pub async fn write(&self, db: &DatabaseConnection) {
        insert(db, self.wallets.values()).await;
        insert(db, &self.batches).await;
        insert(db, &self.transactions).await;
        insert(db, &self.allocations).await;
        insert(db, &self.holds).await;
        insert(db, &self.slices).await;
        insert(db, &self.refunds).await;
        insert(db, &self.revocations).await;
        insert(db, &self.debts).await;
        insert(db, &self.subscriptions).await;
    }

    fn post(&mut self, user: &str, kind: &str, amount: i64, status: &str) -> Uuid {
        let id = self.id();
        let mut now = self.now();
        let completed = status == "COMPLETED";
        let mut reference_id = format!("ref-{}", self.next);
        let (mut related_id, mut purchase_id) = (None, None);
        if kind == "purchase" {
            purchase_id = Some(format!("pi_{}", self.next));
        }
        if kind == "bonus" {
            let mut bought = self.transactions.iter().rev();
            let bought = bought
                .find(|one| one.user_id == user && one.kind == "purchase")
                .expect("a purchase before its bonus");
            reference_id = format!("bonus:{}", bought.reference_id);
            (related_id, purchase_id) = (Some(bought.id), bought.purchase_id.clone());
            now = bought.created_at;
        }
        let balance_after = completed.then(|| {
            let wallet = self.wallet(user);
            if wallet.version == 0 {
                wallet.created_at = now;
            }
            wallet.version += 1;
            wallet.updated_at = now;
            wallet.balance += amount;
            wallet.transaction_count += 1;
            wallet.total_earned += if EARNED.contains(&kind) { amount } else { 0 };
            wallet.total_spent -= if SPENT.contains(&kind) { amount } else { 0 };
            wallet.balance
        });
        let mine = (amount != 0).then(|| format!("WALLET:{user}"));
        let other = (amount != 0).then(|| other_account(kind, purchase_id.as_deref()));
        let (debit_account, credit_account) = if amount > 0 {
            (other, mine)
        } else {
            (mine, other)
        };
        let is_derived = ["bonus", "expiration"].contains(&kind);
        self.transactions.push(credits_transaction::Model {
            id,
            user_id: user.into(),
            kind: kind.into(),
            amount,
            debit_account,
            credit_account,
            origin: origin(kind).into(),
            reference_id,
            fingerprint: (!is_derived).then(|| vec![1; 17]),
            status: status.into(),
            error_code: None,
            balance_after,
            service: ["consumption", "hold", "refund"]
                .contains(&kind)
                .then(|| "chat".into()),
            quantity: None,
            purchase_id,
            purchase_line: None,
            sender: None,
            duplicate_of: None,
            subscription_id: None,
            period_start: None,
            related_id,
            description: None,
            metadata: None,
            detail: None,
            occurred_at: now,
            created_at: now,
            debt_change: None,
        });
        id
    }

    fn allocate(&mut self, transaction_id: Uuid, batch: usize, amount: i64) {
        let mut posted = self.transactions.iter().rev();
        let posted = posted
            .find(|one| one.id == transaction_id)
            .expect("it was posted");
        let created_at = posted.created_at;
        let batch = &mut self.batches[batch];
        batch.remaining += amount;
        batch.updated_at = created_at;
        let batch_remaining = batch.remaining;
        let row = credits_allocation::Model {
            transaction_id,
            batch_id: batch.id,
            amount,
            batch_remaining,
            created_at,
        };
        self.allocations.push(row);
    }

    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next.into())
    }

    fn now(&self) -> DateTimeUtc {
        at(i64::from(self.next))
    }
}
