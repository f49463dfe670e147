//! Conversion of database rows into the types of the core.

use chrono::DateTime;
use ledger::{
    Allocation, Batch, BatchStatus, CreditedPayment, Inconsistency, Origin, PaymentKey, Posting,
    Refusal, Wallet,
};
use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use super::{detail, error::StoreError};

pub fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> Result<T, StoreError> {
    row.try_get_by(column)
        .map_err(|error: DbErr| StoreError::database("read a row")(error))
}

fn unknown(table: &'static str, id: Uuid, column: &str, value: &str) -> Inconsistency {
    Inconsistency {
        table,
        id: id.to_string(),
        message: format!("{column} is `{value}`"),
    }
}

pub fn wallet(row: &QueryResult) -> Result<Wallet, StoreError> {
    let id: Uuid = get(row, "wallet_id")?;
    let status: String = get(row, "wallet_status")?;
    let mut wallet = Wallet::prepared(id, get(row, "user_id")?);
    wallet.balance = get(row, "balance")?;
    wallet.held = get(row, "wallet_held")?;
    wallet.total_earned = get(row, "total_earned")?;
    wallet.total_spent = get(row, "total_spent")?;
    wallet.transaction_count = get(row, "transaction_count")?;
    wallet.version = get(row, "version")?;
    wallet.next_due_at = get(row, "next_due_at")?;
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
        expirations: get(row, "expirations")?,
        new: false,
        dirty: false,
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

/// A stored command: its own posting first, then the related postings.
pub struct Known {
    pub postings: Vec<Posting>,
}

pub fn known(row: &QueryResult) -> Result<Known, StoreError> {
    let id: Uuid = get(row, "id")?;
    let origin: String = get(row, "origin")?;
    let fingerprint: Option<Vec<u8>> = get(row, "fingerprint")?;
    let mut posting = posting(row, id)?;
    posting.user_id = get(row, "user_id")?;
    posting.reference_id = get(row, "reference_id")?;
    posting.sender = get(row, "sender")?;
    posting.origin = [Origin::Usage, Origin::Funding, Origin::Internal]
        .into_iter()
        .find(|known| known.as_str() == origin)
        .ok_or_else(|| unknown("credits_transaction", id, "origin", &origin))?;
    posting.fingerprint = fingerprint.and_then(|bytes| bytes.try_into().ok());
    Ok(Known {
        postings: vec![posting],
    })
}

pub fn part(row: &QueryResult) -> Result<Posting, StoreError> {
    let id = get(row, "id")?;
    let mut posting = posting(row, id)?;
    posting.related_id = get(row, "related_id")?;
    Ok(posting)
}

fn refusal(row: &QueryResult, id: Uuid) -> Result<Option<Refusal>, StoreError> {
    let code: Option<String> = get(row, "error_code")?;
    code.map(|code| {
        code.parse()
            .map_err(|_| unknown("credits_transaction", id, "error_code", &code).into())
    })
    .transpose()
}

/// A posting with only the fields that an outcome needs.
fn posting(row: &QueryResult, id: Uuid) -> Result<Posting, StoreError> {
    let kind: String = get(row, "type")?;
    let detail: Option<String> = get(row, "detail")?;
    Ok(Posting {
        id,
        user_id: String::new(),
        kind: kind
            .parse()
            .map_err(|_| unknown("credits_transaction", id, "type", &kind))?,
        amount: get(row, "amount")?,
        other_account: None,
        origin: Origin::Internal,
        reference_id: String::new(),
        sender: None,
        fingerprint: None,
        refusal: refusal(row, id)?,
        balance_after: get(row, "balance_after")?,
        service: None,
        quantity: None,
        purchase_id: None,
        purchase_line: None,
        subscription_id: None,
        period_start: None,
        related_id: None,
        description: None,
        metadata: None,
        detail: detail::from_text(detail.as_deref(), &id.to_string())?,
        occurred_at: DateTime::UNIX_EPOCH,
        allocations: Vec::new(),
    })
}
