//! Writes what a group of commands changed, each kind of row by one statement, sorted.

use chrono::{DateTime, Utc};
use ledger::{Batch, Changes, Posting, Subscription, Wallet};
use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use super::{
    answer::Patience,
    bulk::{self, Column},
    detail,
    error::StoreError,
    sql::{self, Sql},
};

/// Stands for an absent instant: the beginning of the year 1, which no message can name.
const NEVER: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};
/// Stands for an absent number.
const NONE: i64 = -1;

/// Writes for one group.
pub struct Writer<'a, C> {
    pub connection: &'a C,
    pub(super) patience: Patience,
    pub now: DateTime<Utc>,
}

impl<C: ConnectionTrait> Writer<'_, C> {
    /// Writes all changes. Transactions go in the order of their references, so that two groups which share some
    /// wait for each other rather than deadlock.
    pub async fn write(&self, changes: Changes) -> Result<(), StoreError> {
        let Changes {
            mut postings,
            mut wallets,
            batches,
            mut subscriptions,
            unopened,
        } = changes;
        postings.sort_by(|a, b| (a.origin, &a.reference_id).cmp(&(b.origin, &b.reference_id)));
        wallets.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        subscriptions.sort_by(|a, b| a.id.cmp(&b.id));
        let (new, mut changed): (Vec<_>, Vec<_>) = batches.into_iter().partition(|(_, batch)| batch.new);
        changed.sort_by_key(|(_, batch)| batch.id);
        self.transactions(&postings).await?;
        self.new_batches(&new).await?;
        self.allocations(&postings).await?;
        self.changed_batches(&changed).await?;
        self.wallets(&wallets).await?;
        self.subscriptions(&subscriptions).await?;
        self.drop_unopened(unopened).await
    }

    async fn transactions(&self, postings: &[Posting]) -> Result<(), StoreError> {
        let text =
            |of: fn(&Posting) -> &str| Column::Text(postings.iter().map(|p| of(p).to_owned()).collect());
        let number = |of: fn(&Posting) -> i64| Column::Number(postings.iter().map(of).collect());
        let id = |of: fn(&Posting) -> Uuid| Column::Id(postings.iter().map(of).collect());
        let columns = vec![
            id(|p| p.id),
            text(|p| &p.user_id),
            text(|p| p.kind.as_str()),
            number(|p| p.amount),
            text(|p| p.other_account.as_deref().unwrap_or_default()),
            text(|p| p.origin.as_str()),
            text(|p| &p.reference_id),
            Column::Bytes(
                postings
                    .iter()
                    .map(|p| p.fingerprint.map(Vec::from).unwrap_or_default())
                    .collect(),
            ),
            text(|p| p.refusal.map(ledger::Refusal::as_str).unwrap_or_default()),
            number(|p| p.balance_after.unwrap_or(NONE)),
            text(|p| p.service.as_deref().unwrap_or_default()),
            number(|p| p.quantity.unwrap_or(NONE)),
            text(|p| p.purchase_id.as_deref().unwrap_or_default()),
            id(|p| p.related_id.unwrap_or_default()),
            text(|p| p.description.as_deref().unwrap_or_default()),
            text(|p| p.metadata.as_deref().unwrap_or_default()),
            Column::Text(postings.iter().map(|p| detail::to_text(&p.detail)).collect()),
            Column::Instant(postings.iter().map(|p| p.occurred_at).collect()),
            text(|p| p.subscription_id.as_deref().unwrap_or_default()),
            Column::Instant(postings.iter().map(|p| p.period_start.unwrap_or(NEVER)).collect()),
        ];
        self.execute(
            "insert transactions",
            &sql::INSERT_TRANSACTIONS,
            postings.len(),
            columns,
        )
        .await?;
        Ok(())
    }

    async fn new_batches(&self, batches: &[(String, Batch)]) -> Result<(), StoreError> {
        let text =
            |of: fn(&Batch) -> &str| Column::Text(batches.iter().map(|(_, b)| of(b).to_owned()).collect());
        let number = |of: fn(&Batch) -> i64| Column::Number(batches.iter().map(|(_, b)| of(b)).collect());
        let id = |of: fn(&Batch) -> Uuid| Column::Id(batches.iter().map(|(_, b)| of(b)).collect());
        let columns = vec![
            id(|b| b.id),
            Column::Text(batches.iter().map(|(user_id, _)| user_id.clone()).collect()),
            number(|b| b.amount),
            number(|b| b.remaining),
            number(|b| b.held),
            Column::Instant(batches.iter().map(|(_, b)| b.issued_at).collect()),
            Column::Instant(
                batches
                    .iter()
                    .map(|(_, b)| b.expires_at.unwrap_or(NEVER))
                    .collect(),
            ),
            text(|b| b.status.as_str()),
            text(|b| b.source.as_str()),
            text(|b| b.source_plan.as_deref().unwrap_or_default()),
            text(|b| b.grant_period.as_deref().unwrap_or_default()),
            number(|b| b.paid_micros.unwrap_or(NONE)),
            text(|b| b.currency.as_deref().unwrap_or_default()),
            id(|b| b.transaction_id),
            number(|b| b.expirations.into()),
        ];
        self.execute("insert batches", &sql::INSERT_BATCHES, batches.len(), columns)
            .await?;
        Ok(())
    }

    async fn allocations(&self, postings: &[Posting]) -> Result<(), StoreError> {
        let rows: Vec<_> = postings
            .iter()
            .flat_map(|posting| {
                posting
                    .allocations
                    .iter()
                    .map(|allocation| (posting.id, allocation))
            })
            .collect();
        let columns = vec![
            Column::Id(rows.iter().map(|(id, _)| *id).collect()),
            Column::Id(rows.iter().map(|(_, a)| a.batch_id).collect()),
            Column::Number(rows.iter().map(|(_, a)| a.amount).collect()),
            Column::Number(rows.iter().map(|(_, a)| a.batch_remaining).collect()),
        ];
        self.execute(
            "insert allocations",
            &sql::INSERT_ALLOCATIONS,
            rows.len(),
            columns,
        )
        .await?;
        Ok(())
    }

    async fn changed_batches(&self, batches: &[(String, Batch)]) -> Result<(), StoreError> {
        let number = |of: fn(&Batch) -> i64| Column::Number(batches.iter().map(|(_, b)| of(b)).collect());
        let columns = vec![
            Column::Id(batches.iter().map(|(_, b)| b.id).collect()),
            number(|b| b.remaining),
            number(|b| b.held),
            Column::Text(
                batches
                    .iter()
                    .map(|(_, b)| b.status.as_str().to_owned())
                    .collect(),
            ),
            number(|b| b.expirations.into()),
        ];
        let updated = self
            .execute("update batches", &sql::UPDATE_BATCHES, batches.len(), columns)
            .await?;
        expect(batches.len(), updated)
    }

    async fn wallets(&self, wallets: &[Wallet]) -> Result<(), StoreError> {
        let number = |of: fn(&Wallet) -> i64| Column::Number(wallets.iter().map(of).collect());
        let columns = vec![
            Column::Id(wallets.iter().map(|wallet| wallet.id).collect()),
            number(|w| w.balance),
            number(|w| w.held),
            number(|w| w.total_earned),
            number(|w| w.total_spent),
            number(|w| w.transaction_count),
            number(|w| w.version),
            Column::Text(wallets.iter().map(|w| w.status.as_str().to_owned()).collect()),
        ];
        let updated = self
            .execute("update wallets", &sql::UPDATE_WALLETS, wallets.len(), columns)
            .await?;
        expect(wallets.len(), updated)
    }

    async fn subscriptions(&self, subscriptions: &[Subscription]) -> Result<(), StoreError> {
        let text = |of: fn(&Subscription) -> &str| {
            Column::Text(subscriptions.iter().map(|s| of(s).to_owned()).collect())
        };
        let instant = |of: fn(&Subscription) -> Option<DateTime<Utc>>| {
            Column::Instant(subscriptions.iter().map(|s| of(s).unwrap_or(NEVER)).collect())
        };
        let columns = vec![
            text(|s| &s.id),
            text(|s| &s.user_id),
            text(|s| &s.plan),
            text(|s| s.status.as_str()),
            instant(|s| Some(s.anchor)),
            instant(|s| s.activated_at),
            instant(|s| s.ended_at),
            instant(|s| s.paid_through),
            instant(|s| s.next_period_start),
            instant(Subscription::due_at),
            instant(|s| Some(s.status_at)),
        ];
        let sql = &sql::WRITE_SUBSCRIPTIONS;
        let written = self
            .execute("write subscriptions", sql, subscriptions.len(), columns)
            .await?;
        expect(subscriptions.len(), written)
    }

    async fn drop_unopened(&self, ids: Vec<Uuid>) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let backend = self.connection.get_database_backend();
        let values = bulk::rows(backend, vec![Column::Id(ids)]);
        let statement = Statement::from_sql_and_values(backend, sql::DROP_UNOPENED.text(backend), values);
        let dropped = self.connection.execute_raw(statement);
        self.patience.wait("drop unopened wallets", dropped).await?;
        Ok(())
    }

    /// Runs a statement for `count` rows, unless there are none, and tells how many it wrote.
    async fn execute(
        &self,
        doing: &'static str,
        sql: &Sql,
        count: usize,
        columns: Vec<Column>,
    ) -> Result<u64, StoreError> {
        if count == 0 {
            return Ok(0);
        }
        let backend = self.connection.get_database_backend();
        let mut values = bulk::rows(backend, columns);
        values.push(bulk::instant(backend, self.now));
        let statement = Statement::from_sql_and_values(backend, sql.text(backend), values);
        let written = self.connection.execute_raw(statement);
        let result = self.patience.wait(doing, written).await?;
        Ok(result.rows_affected())
    }
}

fn expect(expected: usize, updated: u64) -> Result<(), StoreError> {
    let expected = expected as u64;
    if updated == expected {
        Ok(())
    } else {
        Err(StoreError::LostLock { expected, updated })
    }
}
