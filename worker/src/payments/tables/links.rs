//! The table `payment_link`.

use chrono::{DateTime, Utc};
use entity::payment_link;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryResult, Statement};

use super::{
    super::{
        LinkKey, LinkKind, Provider,
        mapped::{Link, Links, Period},
    },
    optional_instant,
};
use crate::{
    db::{Database, StoreError, bulk, get},
    read,
};

const FIND: &str = "\
SELECT user_id, deposit, amount, invoice, subscription_id, period_start, period_end
  FROM payment_link
 WHERE provider = $1 AND kind = $2 AND external_id = $3";

/// What an event says does not replace what is known.
const PUT: &str = "\
INSERT INTO payment_link (provider, kind, external_id, user_id, deposit, amount, invoice,
                          subscription_id, period_start, period_end, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (provider, kind, external_id) DO UPDATE
   SET user_id = COALESCE(payment_link.user_id, excluded.user_id),
       deposit = COALESCE(payment_link.deposit, excluded.deposit),
       amount = COALESCE(payment_link.amount, excluded.amount),
       invoice = COALESCE(payment_link.invoice, excluded.invoice),
       subscription_id = COALESCE(payment_link.subscription_id, excluded.subscription_id),
       period_start = COALESCE(payment_link.period_start, excluded.period_start),
       period_end = COALESCE(payment_link.period_end, excluded.period_end),
       updated_at = excluded.updated_at";

/// The user that an operator names replaces the known one.
const SET: &str = "\
INSERT INTO payment_link (provider, kind, external_id, user_id, created_by, updated_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (provider, kind, external_id) DO UPDATE
   SET user_id = excluded.user_id, created_by = excluded.created_by,
       updated_at = excluded.updated_at";

/// A link that an operator makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink<'a> {
    pub provider: Provider,
    pub key: &'a LinkKey,
    pub user: &'a str,
    /// The operator, 1 to 200 bytes.
    pub created_by: &'a str,
}

/// Reads the links with these names, and those of the invoices that the payments among them paid,
/// with the grants of the periods that were paid.
pub async fn load(
    db: &Database,
    provider: Provider,
    keys: Vec<LinkKey>,
) -> Result<Links, StoreError> {
    let (mut found, mut keys) = (Links::new(), keys);
    while let Some(key) = keys.pop() {
        if found.contains_key(&key) {
            continue;
        }
        let values = [
            provider.as_str().into(),
            <&str>::from(key.kind).into(),
            key.id.as_str().into(),
        ];
        let statement = Statement::from_sql_and_values(db.backend(), FIND, values);
        let row = db.connection().query_one_raw(statement);
        let row = db.timeout().wait("read a payment link", row).await?;
        let Some(row) = row else { continue };
        let mut link = link(&row)?;
        if let Some(period) = &link.period {
            let span = (period.start, period.end);
            link.grants = read::grants(db, &period.subscription, span).await?;
        }
        let invoice = link.invoice.as_ref();
        keys.extend(invoice.map(|id| LinkKey::new(LinkKind::Invoice, id.as_str())));
        found.insert(key, link);
    }
    Ok(found)
}

/// Stores what an event says about links.
pub async fn put(
    db: &Database,
    provider: Provider,
    links: &Links,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let backend = db.backend();
    for (key, link) in links {
        let period = link.period.as_ref();
        let values = vec![
            provider.as_str().into(),
            <&str>::from(key.kind).into(),
            key.id.as_str().into(),
            link.user.clone().into(),
            link.deposit.clone().into(),
            link.amount.into(),
            link.invoice.clone().into(),
            period.map(|period| period.subscription.clone()).into(),
            optional_instant(backend, period.map(|period| period.start)),
            optional_instant(backend, period.map(|period| period.end)),
            bulk::instant(backend, now),
        ];
        let statement = Statement::from_sql_and_values(backend, PUT, values);
        let stored = db.connection().execute_raw(statement);
        db.write("store a payment link", stored).await?;
    }
    Ok(())
}

/// Stores a link of an operator.
pub async fn set(db: &Database, link: &NewLink<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    let backend = db.backend();
    let values = [
        link.provider.as_str().into(),
        <&str>::from(link.key.kind).into(),
        link.key.id.as_str().into(),
        link.user.into(),
        link.created_by.into(),
        bulk::instant(backend, now),
    ];
    let statement = Statement::from_sql_and_values(backend, SET, values);
    let stored = db.connection().execute_raw(statement);
    db.write("store a payment link", stored).await.map(drop)
}

/// Reads the links with these ids, of payments or invoices.
pub async fn find_many(
    db: &Database,
    provider: Provider,
    ids: &[String],
) -> Result<Links, StoreError> {
    let found = payment_link::Entity::find()
        .filter(payment_link::Column::Provider.eq(provider.as_str()))
        .filter(payment_link::Column::Kind.is_in(["payment", "invoice"]))
        .filter(payment_link::Column::ExternalId.is_in(ids))
        .all(db.read_connection());
    let found = db.timeout().wait("read payment links", found).await?;
    let links = found.into_iter().map(|model| {
        let kind = if model.kind == "invoice" {
            LinkKind::Invoice
        } else {
            LinkKind::Payment
        };
        let period = (model.subscription_id, model.period_start, model.period_end);
        let link = Link {
            user: model.user_id,
            deposit: model.deposit,
            amount: model.amount,
            invoice: model.invoice,
            period: whole(period),
            grants: Vec::new(),
        };
        (LinkKey::new(kind, model.external_id), link)
    });
    Ok(links.collect())
}

fn link(row: &QueryResult) -> Result<Link, StoreError> {
    let period = (
        get(row, "subscription_id")?,
        get(row, "period_start")?,
        get(row, "period_end")?,
    );
    Ok(Link {
        user: get(row, "user_id")?,
        deposit: get(row, "deposit")?,
        amount: get(row, "amount")?,
        invoice: get(row, "invoice")?,
        period: whole(period),
        grants: Vec::new(),
    })
}

/// A period, of which either all columns have a value or none.
fn whole(
    columns: (Option<String>, Option<DateTime<Utc>>, Option<DateTime<Utc>>),
) -> Option<Period> {
    match columns {
        (Some(subscription), Some(start), Some(end)) => Some(Period {
            subscription,
            start,
            end,
        }),
        _ => None,
    }
}
