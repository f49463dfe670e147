//! The contents of the database, as types of the model.

use std::collections::{BTreeMap, HashMap};

use entity::{
    credits_balance, credits_batch, credits_hold, credits_hold_slice, credits_transaction,
    subscription,
};
use sea_orm::{ConnectionTrait, DatabaseConnection, EntityTrait, QueryOrder};

use super::model::{Account, Batch, Hold, Row, Slice, Subscription};
use super::{At, message::Status, model::Model};

/// The users in the database.
pub async fn accounts(db: &DatabaseConnection) -> BTreeMap<String, Account> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for wallet in credits_balance::Entity::find()
        .all(db)
        .await
        .expect("wallets")
    {
        let account = accounts.entry(wallet.user_id).or_default();
        account.is_open = true;
        account.is_frozen = wallet.status == "FROZEN";
        account.debt = wallet.debt;
        account.earned = wallet.total_earned;
        account.spent = wallet.total_spent;
        account.count = wallet.transaction_count;
        account.next_due = wallet.next_due_at;
    }
    let batches = credits_batch::Entity::find().order_by_asc(credits_batch::Column::Id);
    // The index of each batch in its account.
    let mut indices = HashMap::new();
    // The index of the batch that each deposit brought.
    let mut roots = HashMap::new();
    for batch in batches.all(db).await.expect("batches") {
        let account = accounts.entry(batch.user_id.clone()).or_default();
        let index = account.batches.len();
        indices.insert(batch.id, index);
        let root = match batch.deposit_id {
            Some(deposit) => roots[&deposit],
            None => *roots.entry(batch.transaction_id).or_insert(index),
        };
        account.batches.push(read(batch, root));
    }
    let slices =
        credits_hold_slice::Entity::find().order_by_asc(credits_hold_slice::Column::Position);
    let mut of_hold: HashMap<_, Vec<Slice>> = HashMap::new();
    for slice in slices.all(db).await.expect("slices") {
        of_hold.entry(slice.hold_id).or_default().push(Slice {
            batch: indices[&slice.batch_id],
            amount: slice.amount,
            captured: slice.captured,
        });
    }
    let holds = credits_hold::Entity::find().order_by_asc(credits_hold::Column::Id);
    for hold in holds.all(db).await.expect("holds") {
        let slices = of_hold.remove(&hold.id).unwrap_or_default();
        let account = accounts.entry(hold.user_id.clone()).or_default();
        account.holds.push(held(hold, slices));
    }
    let subscriptions = subscription::Entity::find().all(db).await;
    for row in subscriptions.expect("subscriptions") {
        let account = accounts.entry(row.user_id.clone()).or_default();
        account.subscriptions.push(subscribed(row));
    }
    let rows = credits_transaction::Entity::find().order_by_asc(credits_transaction::Column::Id);
    for row in rows.all(db).await.expect("transactions") {
        let account = accounts.entry(row.user_id.clone()).or_default();
        account.is_registered |= row.kind == "registration_bonus" && row.status == "COMPLETED";
        account.rows.push(recorded(row));
    }
    for account in accounts.values_mut() {
        account
            .subscriptions
            .sort_by(|one, other| one.id.cmp(&other.id));
    }
    accounts
}

/// The users that the database must have.
pub fn expected(model: &Model) -> BTreeMap<String, Account> {
    let known = model.accounts.iter();
    let mut accounts: BTreeMap<String, Account> = known
        .filter(|(_, account)| !account.rows.is_empty())
        .map(|(user, account)| (user.clone(), account.stored()))
        .collect();
    for (user, account) in &mut accounts {
        account.subscriptions = model.subscriptions(user);
        account
            .subscriptions
            .sort_by(|one, other| one.id.cmp(&other.id));
    }
    accounts
}

/// The number of wallets and two sums over them. A difference shows that two ledgers differ.
pub async fn sums(db: &DatabaseConnection) -> (i64, i64, i64) {
    let sql = "SELECT count(*), CAST(coalesce(sum(balance), 0) AS bigint), \
               CAST(coalesce(sum(transaction_count), 0) AS bigint) FROM credits_balance";
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), sql);
    let row = db
        .query_one_raw(statement)
        .await
        .expect("an answer")
        .expect("a row");
    let number = |nth| row.try_get_by_index::<i64>(nth).expect("a number");
    (number(0), number(1), number(2))
}

fn read(batch: credits_batch::Model, root: usize) -> Batch {
    let observed = Batch {
        amount: batch.amount,
        left: batch.remaining,
        issued_at: batch.issued_at,
        expires_at: batch.expires_at,
        source: match batch.source_type.as_str() {
            "PURCHASE" => "PURCHASE",
            "SUBSCRIPTION" => "SUBSCRIPTION",
            _ => "BONUS",
        },
        from: batch.source_plan,
        month: batch.grant_period,
        micros: batch.paid_micros,
        expired: batch.status == "EXPIRED",
        revoked: batch.status == "REVOKED",
        root,
    };
    assert_eq!(observed.status(), batch.status, "{observed:?}");
    observed
}

fn held(hold: credits_hold::Model, slices: Vec<Slice>) -> Hold {
    Hold {
        reference: hold.reference_id,
        price: hold
            .price_credits
            .zip(hold.price_per)
            .expect("every service has a price"),
        amount: hold.amount,
        captured: hold.captured,
        status: match hold.status.as_str() {
            "OPEN" => "OPEN",
            "CAPTURED" => "CAPTURED",
            "RELEASED" => "RELEASED",
            _ => "EXPIRED",
        },
        expires_at: hold.expires_at,
        slices,
    }
}

fn subscribed(row: subscription::Model) -> Subscription {
    assert_eq!(row.next_period_start, row.due_at, "{row:?}");
    Subscription {
        status_since: row.status_since.expect("written by this version"),
        id: row.id,
        plan: row.plan,
        status: parse_status(&row.status),
        status_at: row.status_at,
        anchor: row.anchor,
        since: row.activated_at,
        ended: row.ended_at,
        paid_through: row.paid_through,
        due: row.due_at,
    }
}

fn parse_status(status: &str) -> Status {
    match status {
        "ACTIVE" => Status::Active,
        "TRIALING" => Status::Trialing,
        "PAST_DUE" => Status::PastDue,
        "PAUSED" => Status::Paused,
        "CANCELED" => Status::Canceled,
        _ => Status::Expired,
    }
}

fn recorded(row: credits_transaction::Model) -> Row {
    let at: At = row.occurred_at;
    Row {
        came_with_event: row.kind == "monthly_grant" && row.related_id.is_some(),
        reference: match row.kind.as_str() {
            "expiration" => "expire".to_owned(),
            "revocation" | "debt" | "repayment" | "reinstatement" if row.origin == "internal" => {
                "derived".to_owned()
            }
            _ => row.reference_id,
        },
        kind: row.kind,
        amount: row.amount,
        debt_change: row.debt_change.unwrap_or(0),
        code: row.error_code,
        balance: row.balance_after,
        at,
    }
}
