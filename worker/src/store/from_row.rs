//! Conversion of database rows into the types of the core.

use std::collections::HashMap;

use ledger::{
    Allocation, Batch, BatchStatus, CreditedPayment, Fingerprint, Inconsistency, Origin, Original,
    PaymentKey, RecordedTransaction, Refusal, Wallet,
};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::detail;
use crate::db::{StoreError, get};

pub fn unknown(table: &'static str, id: Uuid, column: &str, value: &str) -> Inconsistency {
    Inconsistency {
        table,
        id: id.to_string(),
        message: format!("{column} is `{value}`"),
    }
}

pub fn wallet(row: &QueryResult) -> Result<Wallet, StoreError> {
    let id: Uuid = get(row, "wallet_id")?;
    let status: String = get(row, "wallet_status")?;
    let mut wallet = Wallet::new(id, get(row, "user_id")?);
    wallet.balance = get(row, "balance")?;
    wallet.held = get(row, "wallet_held")?;
    wallet.total_earned = get(row, "total_earned")?;
    wallet.total_spent = get(row, "total_spent")?;
    wallet.transaction_count = get(row, "transaction_count")?;
    wallet.version = get(row, "version")?;
    wallet.next_due_at = get(row, "next_due_at")?;
    wallet.holds_end_at = get(row, "holds_end_at")?;
    wallet.debt = get(row, "debt")?;
    wallet.status = status
        .parse()
        .map_err(|_| unknown("credits_balance", id, "status", &status))?;
    Ok(wallet)
}

pub fn batch(row: &QueryResult) -> Result<Batch, StoreError> {
    let id: Uuid = get(row, "id")?;
    let source: String = get(row, "source_type")?;
    Ok(Batch {
        id,
        amount: get(row, "amount")?,
        remaining: get(row, "remaining")?,
        held: get(row, "held")?,
        issued_at: get(row, "issued_at")?,
        expires_at: get(row, "expires_at")?,
        status: BatchStatus::Active,
        source: source
            .parse()
            .map_err(|_| unknown("credits_batch", id, "source_type", &source))?,
        source_plan: get(row, "source_plan")?,
        grant_period: get(row, "grant_period")?,
        paid_micros: get(row, "paid_micros")?,
        currency: get(row, "currency")?,
        transaction_id: get(row, "transaction_id")?,
        deposit_id: get(row, "deposit_id")?,
        expirations: get(row, "expirations")?,
    })
}

/// A batch of any status.
pub fn stored_batch(row: &QueryResult) -> Result<Batch, StoreError> {
    let batch = batch(row)?;
    let status: String = get(row, "status")?;
    let status = status
        .parse()
        .map_err(|_| unknown("credits_batch", batch.id, "status", &status))?;
    Ok(Batch { status, ..batch })
}

/// A transaction that a refund names, without the batches that it took from.
pub fn original(row: &QueryResult) -> Result<Original, StoreError> {
    let id: Uuid = get(row, "original_id")?;
    let kind: String = get(row, "type")?;
    let origin: String = get(row, "origin")?;
    Ok(Original {
        transaction_id: id,
        kind: kind
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "type", &kind))?,
        user_id: get(row, "user_id")?,
        origin: origin
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "origin", &origin))?,
        sender: get(row, "sender")?,
        reference_id: get(row, "reference_id")?,
        service: get(row, "service")?,
        taken: HashMap::new(),
        refunded: get(row, "refunded")?,
    })
}

pub fn allocation(row: &QueryResult) -> Result<Allocation, StoreError> {
    Ok(Allocation {
        batch_id: get(row, "batch_id")?,
        amount: get(row, "amount")?,
        batch_remaining: get(row, "batch_remaining")?,
    })
}

/// A payment, and the transaction that credited it.
pub fn credited_payment(row: &QueryResult) -> Result<(PaymentKey, CreditedPayment), StoreError> {
    let payment = PaymentKey {
        purchase_id: get(row, "purchase_id")?,
        purchase_line: get(row, "purchase_line")?,
    };
    let credited = CreditedPayment {
        reference_id: get(row, "reference_id")?,
        transaction_id: get(row, "id")?,
    };
    Ok((payment, credited))
}

/// A stored command.
pub struct RecordedCommand {
    pub origin: Origin,
    pub reference_id: String,
    pub user_id: String,
    pub sender: Option<String>,
    pub fingerprint: Option<Fingerprint>,
    /// Its own transaction first, then the related ones.
    pub transactions: Vec<RecordedTransaction>,
}

/// A stored command with its own transaction.
pub fn recorded_command(row: &QueryResult) -> Result<RecordedCommand, StoreError> {
    let transaction = recorded_transaction(row)?;
    let origin: String = get(row, "origin")?;
    let fingerprint: Option<Vec<u8>> = get(row, "fingerprint")?;
    Ok(RecordedCommand {
        origin: origin
            .parse()
            .map_err(|_| unknown("credits_transaction", transaction.id, "origin", &origin))?,
        reference_id: get(row, "reference_id")?,
        user_id: get(row, "user_id")?,
        sender: get(row, "sender")?,
        fingerprint: fingerprint.and_then(|bytes| bytes.try_into().ok()),
        transactions: vec![transaction],
    })
}

/// A stored transaction, without its allocations.
pub fn recorded_transaction(row: &QueryResult) -> Result<RecordedTransaction, StoreError> {
    let id: Uuid = get(row, "id")?;
    let kind: String = get(row, "type")?;
    let detail: Option<String> = get(row, "detail")?;
    Ok(RecordedTransaction {
        id,
        kind: kind
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "type", &kind))?,
        amount: get(row, "amount")?,
        debt_change: get::<Option<i64>>(row, "debt_change")?.unwrap_or(0),
        refusal: refusal(row, id)?,
        balance_after: get(row, "balance_after")?,
        detail: detail::from_text(detail.as_deref(), &id.to_string())?,
        allocations: Vec::new(),
    })
}

fn refusal(row: &QueryResult, id: Uuid) -> Result<Option<Refusal>, StoreError> {
    let code: Option<String> = get(row, "error_code")?;
    code.map(|code| {
        code.parse()
            .map_err(|_| unknown("credits_transaction", id, "error_code", &code).into())
    })
    .transpose()
}
