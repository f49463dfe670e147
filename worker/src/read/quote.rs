//! What a command would cost and use now.
//!
//! The core decides a consumption on a copy of the wallet, as it would decide the command. Nothing
//! is locked or written.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use entity::credits_batch;
use ledger::{
    Action, Batch, BatchStatus, Book, Command, Consume, Decision, Inconsistency, Origin, Outcome,
    Refused, Rules, Wallet,
};
use producer_sdk::contract::{OutcomeError, QuoteBatch, QuoteResult};
use sea_orm::{ConnectionTrait, DatabaseConnection, FromQueryResult, Statement, prelude::Uuid};

use super::{ReadError, balance::ENDED, batches, sql, stored_debts::open_debts, subscriptions};
use crate::db::bulk;

/// A consumption or hold that is not sent.
#[derive(Clone, Copy, Debug)]
pub struct QuoteRequest<'a> {
    pub user_id: &'a str,
    pub service: &'a str,
    /// Credits, regardless of the service's price. Excludes `quantity`.
    pub amount: Option<i64>,
    /// Units of the service. `None` means 1.
    pub quantity: Option<i64>,
}

#[derive(FromQueryResult)]
struct WalletRow {
    id: Uuid,
    balance: i64,
    held: i64,
    debt: i64,
    total_earned: i64,
    total_spent: i64,
    status: String,
    next_due_at: Option<DateTime<Utc>>,
}

const WALLET: &str = "\
SELECT w.id, w.balance, w.held - {ended} AS held, w.debt, w.total_earned, w.total_spent,
       w.status, w.next_due_at
  FROM credits_balance w WHERE w.user_id = $1";

/// What the command of `request` would cost and use at `now`, or its refusal.
pub async fn quote(
    db: &DatabaseConnection,
    request: &QuoteRequest<'_>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<QuoteResult, ReadError> {
    let what = "quote";
    let snapshot = sql::begin_consistent_read(db).await;
    let snapshot = snapshot.map_err(ReadError::reading(what))?;
    let book = read(&snapshot, request.user_id, now).await?;
    let ended = snapshot.rollback().await;
    ended.map_err(ReadError::reading(what))?;
    decide(book, request, rules, now).map_err(ReadError::inconsistent(what))
}

/// The user's wallet with all its batches and subscriptions, if there is one. Its sums contain the
/// holds, except those that have ended.
async fn read(
    db: &impl ConnectionTrait,
    user_id: &str,
    now: DateTime<Utc>,
) -> Result<Book, ReadError> {
    let failed = || ReadError::reading("quote");
    let mut book = Book::default();
    let backend = db.get_database_backend();
    let values = [user_id.into(), bulk::instant(backend, now)];
    let text = WALLET.replace("{ended}", ENDED);
    let statement = Statement::from_sql_and_values(backend, text, values);
    let row = WalletRow::find_by_statement(statement).one(db).await;
    let Some(row) = row.map_err(failed())? else {
        return Ok(book);
    };
    let mut wallet = wallet(&row, user_id).map_err(ReadError::inconsistent("quote"))?;
    for model in batches::models(db, user_id, false, now).await? {
        wallet.add_batch(batch(model).map_err(ReadError::inconsistent("quote"))?);
    }
    let indebted = Some(user_id).filter(|_| wallet.debt > 0);
    for debt in open_debts(db, indebted.as_slice()).await? {
        book.add_debt(debt);
    }
    book.add_wallet(wallet);
    for subscription in subscriptions(db, &[user_id]).await?.into_values().flatten() {
        book.add_subscription(subscription);
    }
    Ok(book)
}

fn decide(
    mut book: Book,
    request: &QuoteRequest<'_>,
    rules: &Rules,
    now: DateTime<Utc>,
) -> Result<QuoteResult, Inconsistency> {
    let ids = &mut Uuid::now_v7;
    let stored: HashSet<Uuid> = batches_of(&book, request.user_id)
        .map(|batch| batch.id)
        .collect();
    book.settle(request.user_id, rules, now, ids)?;
    let wallet = book.wallet(request.user_id);
    let available = wallet.map_or(0, |wallet| wallet.spendable_at(now));
    let known: HashMap<Uuid, Batch> = batches_of(&book, request.user_id)
        .map(|batch| (batch.id, batch.clone()))
        .collect();
    let outcome = match book.decide(&consumption(request), rules, now, ids)? {
        Decision::Settled(outcome) => outcome,
        Decision::Unapplied(refused) => Outcome::refused(refused, None, None),
    };
    let used = outcome.allocations.iter().filter_map(|allocation| {
        let batch = known.get(&allocation.batch_id)?;
        Some(QuoteBatch {
            batch_id: Some(batch.id).filter(|id| stored.contains(id)),
            amount: -allocation.amount,
            source_type: batch.source.as_str().to_owned(),
            expires_at: batch.expires_at,
        })
    });
    let price = rules.price(request.service);
    let units = request.quantity.unwrap_or(1);
    let is_default = request.amount.is_none() && !rules.prices.contains_key(request.service);
    Ok(QuoteResult {
        user_id: request.user_id.to_owned(),
        service: request.service.to_owned(),
        quantity: request.amount.is_none().then_some(units),
        credits: request.amount.or_else(|| price?.total(units)),
        is_default: is_default && price.is_some(),
        allowed: outcome.refused.is_none(),
        available,
        batches: used.collect(),
        error: outcome.refused.as_ref().map(error),
    })
}

fn batches_of<'a>(book: &'a Book, user_id: &str) -> impl Iterator<Item = &'a Batch> {
    book.wallet(user_id).into_iter().flat_map(Wallet::batches)
}

fn consumption(request: &QuoteRequest<'_>) -> Command {
    Command {
        origin: Origin::Usage,
        reference_id: "quote".to_owned(),
        sender: None,
        user_id: request.user_id.to_owned(),
        occurred_at: None,
        received_at: None,
        description: None,
        metadata: None,
        action: Action::Consume(Consume {
            service: request.service.to_owned(),
            amount: request.amount,
            quantity: request.quantity,
        }),
    }
}

fn error(refused: &Refused) -> OutcomeError {
    OutcomeError {
        code: refused.code.as_str().to_owned(),
        message: refused.to_string(),
        required: refused.required,
        available: refused.available,
        first_reference_id: None,
        first_transaction_id: None,
    }
}

fn wallet(row: &WalletRow, user_id: &str) -> Result<Wallet, Inconsistency> {
    let mut wallet = Wallet::new(row.id, user_id.to_owned());
    wallet.balance = row.balance;
    wallet.held = row.held;
    wallet.debt = row.debt;
    wallet.total_earned = row.total_earned;
    wallet.total_spent = row.total_spent;
    wallet.next_due_at = row.next_due_at;
    let unknown = |_| unknown("credits_balance", row.id, "status", &row.status);
    wallet.status = row.status.parse().map_err(unknown)?;
    Ok(wallet)
}

fn batch(model: credits_batch::Model) -> Result<Batch, Inconsistency> {
    let unknown = |_| unknown("credits_batch", model.id, "source_type", &model.source_type);
    Ok(Batch {
        id: model.id,
        amount: model.amount,
        remaining: model.remaining,
        held: model.held,
        issued_at: model.issued_at,
        expires_at: model.expires_at,
        status: BatchStatus::Active,
        source: model.source_type.parse().map_err(unknown)?,
        source_plan: model.source_plan,
        grant_period: model.grant_period,
        paid_micros: model.paid_micros,
        currency: model.currency,
        transaction_id: model.transaction_id,
        deposit_id: model.deposit_id.unwrap_or(model.transaction_id),
        expirations: model.expirations,
    })
}

fn unknown(table: &'static str, id: Uuid, column: &str, value: &str) -> Inconsistency {
    Inconsistency {
        table,
        id: id.to_string(),
        message: format!("{column} is `{value}`"),
    }
}
