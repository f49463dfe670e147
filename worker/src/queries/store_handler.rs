//! Answers queries from the store and the catalog.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger::Refusal;
use producer_sdk::contract::{
    Answer, BatchesResult, CanPurchaseResult, DEFAULT_PAGE_SIZE, HoldsResult, PackagesResult,
    Query, TransactionItem, TransactionsResult,
};
use serde_json::Value;

use super::QueryHandler;
use crate::{
    cache::Mirror,
    catalog::Catalog,
    pipeline::{Cause, CommitError},
    read::{self, Cursor, List, PageRequest, QuoteRequest, ReadError},
    store::Store,
};

/// Answers queries from the store, over its read connections, and from the catalog.
#[derive(Clone, Debug)]
pub struct StoreQueryHandler {
    store: Store,
    catalog: Arc<Catalog>,
    mirror: Option<Mirror>,
    /// Most rows of a complete list. `None`: no limit.
    most_rows: Option<u32>,
}

impl StoreQueryHandler {
    /// Answers from `store` and `catalog`. `mirror` writes queried balances to Redis for apps; no
    /// answer comes from there.
    pub const fn new(store: Store, catalog: Arc<Catalog>, mirror: Option<Mirror>) -> Self {
        Self {
            store,
            catalog,
            mirror,
            most_rows: None,
        }
    }

    /// With a limit for lists of all batches or holds. A longer list is an error.
    #[must_use]
    pub fn with_most_rows(self, most_rows: u32) -> Self {
        Self {
            most_rows: Some(most_rows),
            ..self
        }
    }

    /// The error of a list that is longer than the limit.
    async fn too_long(
        &self,
        query: &Query,
        list: List,
        user_id: &str,
    ) -> Result<Option<Answer>, ReadError> {
        let Some(most) = self.most_rows else {
            return Ok(None);
        };
        let db = self.store.read_connection();
        let is_longer = read::has_more(db, list, user_id, most).await?;
        Ok(is_longer.then(|| {
            let text = format!(
                "the user has more than {most} {}; leave out `all`, or page through the \
                 transactions with `cursor`",
                query.kind()
            );
            Answer::error(query.kind(), "too_many_rows", text)
        }))
    }

    async fn balance(
        &self,
        query: &Query,
        user_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Answer, ReadError> {
        let db = self.store.read_connection();
        let Some(balance) = read::balance(db, user_id, &self.catalog.rules, now).await? else {
            return Ok(unknown_user(query));
        };
        if let Some(mirror) = &self.mirror {
            mirror.touch([user_id]);
        }
        Ok(Answer::ok(query.kind(), &balance))
    }

    async fn transactions(
        &self,
        query: &Query,
        user_id: &str,
        page_index: Option<u32>,
        page_size: u32,
        cursor: Option<&str>,
    ) -> Result<Answer, ReadError> {
        let before = match cursor.map(str::parse::<Cursor>).transpose() {
            Ok(before) => before,
            Err(error) => {
                return Ok(Answer::error(
                    query.kind(),
                    "invalid_cursor",
                    error.to_string(),
                ));
            }
        };
        let db = self.store.read_connection();
        let page_index = before.is_none().then(|| page_index.unwrap_or(0));
        let request = PageRequest {
            limit: page_size,
            before,
            skip: page_index.unwrap_or(0).saturating_mul(page_size),
        };
        let page = read::history(db, user_id, &request).await?;
        let (total, total_is_capped) = read::count(db, user_id).await?;
        if total == 0 && !read::has_wallet(db, user_id).await? {
            return Ok(unknown_user(query));
        }
        let result = TransactionsResult {
            user_id: user_id.to_owned(),
            items: page
                .items
                .into_iter()
                .map(|item| without_notes(item.transaction))
                .collect(),
            total,
            total_is_capped,
            page_index,
            page_size,
            page_count: total.div_ceil(page_size.into()),
            next_cursor: page.next.map(|cursor| cursor.to_string()),
        };
        Ok(Answer::ok(query.kind(), &result))
    }

    async fn batches(
        &self,
        query: &Query,
        user_id: &str,
        all: bool,
        now: DateTime<Utc>,
    ) -> Result<Answer, ReadError> {
        let db = self.store.read_connection();
        if all && let Some(error) = self.too_long(query, List::Batches, user_id).await? {
            return Ok(error);
        }
        let items = read::batches(db, user_id, all, now).await?;
        if items.is_empty() && !read::has_wallet(db, user_id).await? {
            return Ok(unknown_user(query));
        }
        let user_id = user_id.to_owned();
        Ok(Answer::ok(query.kind(), &BatchesResult { user_id, items }))
    }

    async fn holds(
        &self,
        query: &Query,
        user_id: &str,
        all: bool,
        now: DateTime<Utc>,
    ) -> Result<Answer, ReadError> {
        let db = self.store.read_connection();
        if all && let Some(error) = self.too_long(query, List::Holds, user_id).await? {
            return Ok(error);
        }
        let items = read::holds(db, user_id, all, now).await?;
        if items.is_empty() && !read::has_wallet(db, user_id).await? {
            return Ok(unknown_user(query));
        }
        let user_id = user_id.to_owned();
        Ok(Answer::ok(query.kind(), &HoldsResult { user_id, items }))
    }

    fn price(&self, query: &Query, service: &str, quantity: i64) -> Answer {
        match self.catalog.price(service, quantity) {
            Ok(price) => Answer::ok(query.kind(), &price),
            Err(refusal) => Answer::error(
                query.kind(),
                refusal.as_str(),
                ledger::Refused::from(refusal).to_string(),
            ),
        }
    }

    async fn answer(&self, query: &Query, now: DateTime<Utc>) -> Result<Answer, ReadError> {
        match query {
            Query::Balance { user_id } => self.balance(query, user_id, now).await,
            Query::Transactions {
                user_id,
                page_index,
                page_size,
                cursor,
            } => {
                let size = page_size.unwrap_or(DEFAULT_PAGE_SIZE);
                self.transactions(query, user_id, *page_index, size, cursor.as_deref())
                    .await
            }
            Query::Batches { user_id, all } => self.batches(query, user_id, *all, now).await,
            Query::Holds { user_id, all } => self.holds(query, user_id, *all, now).await,
            Query::Quote {
                user_id,
                service,
                amount,
                quantity,
            } => {
                let request = QuoteRequest {
                    user_id,
                    service,
                    amount: *amount,
                    quantity: *quantity,
                };
                let db = self.store.read_connection();
                let quote = read::quote(db, &request, &self.catalog.rules, now).await?;
                Ok(Answer::ok(query.kind(), &quote))
            }
            Query::Price { service, quantity } => {
                Ok(self.price(query, service, quantity.unwrap_or(1)))
            }
            Query::Packages {} => {
                let items = self.catalog.for_sale();
                Ok(Answer::ok(query.kind(), &PackagesResult { items }))
            }
            Query::CanPurchase {
                user_id,
                package_id,
                price_id,
            } => {
                let ids = (package_id.as_deref(), price_id.as_deref());
                let result = can_purchase(&self.store, &self.catalog, user_id, ids, now).await?;
                Ok(Answer::ok(query.kind(), &result))
            }
            _ => Ok(Answer::error(
                query.kind(),
                "unknown_query",
                "the query is unknown to this version of the worker",
            )),
        }
    }
}

impl QueryHandler for StoreQueryHandler {
    async fn answer(&self, query: &Query, now: DateTime<Utc>) -> Result<Answer, CommitError> {
        self.answer(query, now)
            .await
            .map_err(|error| CommitError::Infrastructure(Cause::other(&error)))
    }
}

/// Whether a user may buy the package with one of these ids, or any package if both are `None`.
pub async fn can_purchase(
    store: &Store,
    catalog: &Catalog,
    user_id: &str,
    (package_id, price_id): (Option<&str>, Option<&str>),
    now: DateTime<Utc>,
) -> Result<CanPurchaseResult, ReadError> {
    let rules = &catalog.rules;
    let package = catalog.package(package_id, price_id);
    let db = store.read_connection();
    let subscriptions = read::subscriptions(db, &[user_id]).await?;
    let subscriptions = subscriptions.get(user_id).map_or(&[][..], Vec::as_slice);
    let names_package = package_id.is_some() || price_id.is_some();
    let reason = if !rules.enabled {
        Some(Refusal::CreditsDisabled.as_str())
    } else if names_package && package.is_none() {
        Some(Refusal::UnknownPackage.as_str())
    } else if package.is_some_and(|package| !package.enabled) {
        Some("package_disabled")
    } else if !catalog.free_users_may_buy && !ledger::has_paid_plan(subscriptions, rules, now) {
        Some("paid_plan_required")
    } else {
        None
    };
    let balance = read::balance(db, user_id, rules, now).await?;
    let available = balance.map_or(0, |balance| balance.available_credits);
    let bought = package.map_or(0, |package| {
        package.item.credits.saturating_add(package.item.bonus)
    });
    Ok(CanPurchaseResult {
        user_id: user_id.to_owned(),
        allowed: reason.is_none(),
        reason: reason.map(ToOwned::to_owned),
        over_cap: available.saturating_add(bought) > rules.max_user_balance,
        package: package.map(|package| package.item.clone()),
    })
}

fn unknown_user(query: &Query) -> Answer {
    let refusal = Refusal::WalletNotFound;
    Answer::error(query.kind(), refusal.as_str(), "the user has no wallet")
}

/// The transaction as apps receive it: without the reason and the actor of a freeze or a
/// forgiveness, which operators write for each other. `scrip history` shows them.
fn without_notes(mut item: TransactionItem) -> TransactionItem {
    let is_note = matches!(item.kind.as_str(), "freeze" | "unfreeze" | "forgiveness");
    let request = item
        .detail
        .as_mut()
        .and_then(|detail| detail.get_mut("request"));
    if let (true, Some(Value::Object(request))) = (is_note, request) {
        request.remove("reason");
        request.remove("actor");
    }
    item
}
