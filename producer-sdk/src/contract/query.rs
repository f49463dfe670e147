//! Queries: questions that change nothing, answered from committed state.

use serde::Serialize;

use super::decode;
use super::limits::{self, MAX_AMOUNT};
use super::rejection::Rejection;

/// Most rows on a page of transactions.
pub const MAX_PAGE_SIZE: u32 = 100;
/// Rows on a page of transactions where none is said.
pub const DEFAULT_PAGE_SIZE: u32 = 10;
/// Pages by number reach so many rows; further ones are reached by cursor.
pub const MAX_PAGED_ROWS: u32 = 10_000;
/// Longest cursor, in bytes.
const MAX_CURSOR: usize = 200;

pub(crate) const CURSOR: &str = "a cursor, as an earlier page gave it";

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Query {
    /// What a user has.
    Balance {
        /// Whose wallet.
        user_id: String,
    },
    /// What happened to a wallet, newest first.
    Transactions {
        /// Whose wallet.
        user_id: String,
        /// Which page, from 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        page_index: Option<u32>,
        /// Rows on a page, 10 if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        page_size: Option<u32>,
        /// Instead of a page's number: what follows an earlier page.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// The batches of a wallet in the order in which they are spent.
    Batches {
        /// Whose wallet.
        user_id: String,
        /// Those that are spent up or lapsed, too.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        all: bool,
    },
    /// What a service costs.
    Price {
        /// The service.
        service: String,
        /// Units of it, 1 if absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<i64>,
    },
    /// Which packages are for sale.
    Packages {},
    /// Whether a user may buy a package; to be asked before he pays, since a purchase is never refused.
    CanPurchase {
        /// Who wants to buy.
        user_id: String,
        /// Which package, by its id; absent: any.
        #[serde(skip_serializing_if = "Option::is_none")]
        package_id: Option<String>,
        /// Which package, by the payment provider's price id.
        #[serde(skip_serializing_if = "Option::is_none")]
        price_id: Option<String>,
    },
}

/// The name of a query: its `type` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryKind {
    Balance,
    Transactions,
    Batches,
    Price,
    Packages,
    CanPurchase,
}

impl QueryKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Balance,
        Self::Transactions,
        Self::Batches,
        Self::Price,
        Self::Packages,
        Self::CanPurchase,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::Transactions => "transactions",
            Self::Batches => "batches",
            Self::Price => "price",
            Self::Packages => "packages",
            Self::CanPurchase => "canPurchase",
        }
    }
}

impl Query {
    /// The user that it asks about; `None` for prices and packages, which are the same for everyone.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::Balance { user_id }
            | Self::Transactions { user_id, .. }
            | Self::Batches { user_id, .. }
            | Self::CanPurchase { user_id, .. } => Some(user_id),
            Self::Price { .. } | Self::Packages {} => None,
        }
    }

    /// The balance of a user.
    pub fn balance(user_id: impl Into<String>) -> Self {
        Self::Balance {
            user_id: user_id.into(),
        }
    }

    fn of(&self) -> QueryKind {
        match self {
            Self::Balance { .. } => QueryKind::Balance,
            Self::Transactions { .. } => QueryKind::Transactions,
            Self::Batches { .. } => QueryKind::Batches,
            Self::Price { .. } => QueryKind::Price,
            Self::Packages {} => QueryKind::Packages,
            Self::CanPurchase { .. } => QueryKind::CanPurchase,
        }
    }

    /// Its `type` on the wire.
    pub fn kind(&self) -> &'static str {
        self.of().as_str()
    }

    /// Read and check a body.
    pub fn from_json(body: &[u8]) -> Result<Self, Rejection> {
        let query = decode::query(body)?;
        query.check()?;
        Ok(query)
    }

    /// Write the body.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings and integers cannot fail to serialise; an empty body would be rejected as not JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether every value is one that the worker will take.
    pub fn check(&self) -> Result<(), Rejection> {
        match self {
            Self::Balance { user_id } | Self::Batches { user_id, .. } => limits::known_id("userId", user_id),
            Self::Transactions {
                user_id,
                page_index,
                page_size,
                cursor,
            } => {
                limits::known_id("userId", user_id)?;
                check_page(*page_index, *page_size, cursor.as_deref())
            }
            Self::Price { service, quantity } => {
                limits::known_id("service", service)?;
                quantity.map_or(Ok(()), |quantity| limits::range("quantity", quantity, MAX_AMOUNT))
            }
            Self::Packages {} => Ok(()),
            Self::CanPurchase {
                user_id,
                package_id,
                price_id,
            } => {
                limits::known_id("userId", user_id)?;
                package_id
                    .as_deref()
                    .map_or(Ok(()), |id| limits::known_id("packageId", id))?;
                match (package_id, price_id) {
                    (Some(_), Some(_)) => Err(Rejection::invalid(
                        "priceId",
                        "given beside `packageId`",
                        "`packageId` or `priceId`, not both",
                    )),
                    (None, Some(id)) => limits::known_id("priceId", id),
                    _ => Ok(()),
                }
            }
        }
    }
}

fn check_page(index: Option<u32>, size: Option<u32>, cursor: Option<&str>) -> Result<(), Rejection> {
    if let Some(size) = size {
        limits::range("pageSize", size.into(), MAX_PAGE_SIZE.into())?;
    }
    if let Some(cursor) = cursor {
        if cursor.is_empty() || cursor.len() > MAX_CURSOR {
            return Err(Rejection::invalid(
                "cursor",
                format!("{} bytes long", cursor.len()),
                CURSOR,
            ));
        }
        if let Some(index) = index {
            let found = format!("{index} beside a `cursor`");
            return Err(Rejection::invalid(
                "pageIndex",
                found,
                "`pageIndex` or `cursor`, not both",
            ));
        }
    }
    let index = index.unwrap_or(0);
    let rows = (u64::from(index) + 1) * u64::from(size.unwrap_or(DEFAULT_PAGE_SIZE));
    if rows > u64::from(MAX_PAGED_ROWS) {
        return Err(Rejection::invalid(
            "pageIndex",
            index,
            format!("pages within the first {MAX_PAGED_ROWS} rows; further ones by `cursor`"),
        ));
    }
    Ok(())
}
