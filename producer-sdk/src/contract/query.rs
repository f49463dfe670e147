//! Queries: requests that change nothing. They are answered from committed state.

use serde::Serialize;
use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantNames};

use super::checks;
use super::holds::check_cost;
use super::limits::MAX_AMOUNT;
use super::rejection::Rejection;

/// The maximum number of rows on a page of transactions.
pub const MAX_PAGE_SIZE: u32 = 100;
/// The number of rows on a page of transactions if the query names none.
pub const DEFAULT_PAGE_SIZE: u32 = 10;
/// The number of rows that page numbers reach. Further rows are reached by cursor.
pub const MAX_PAGED_ROWS: u32 = 10_000;
/// The maximum length of a cursor, in bytes.
const MAX_CURSOR: usize = 200;

pub(crate) const CURSOR: &str = "the `nextCursor` of an earlier page";

/// A request that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, EnumDiscriminants)]
#[strum_discriminants(name(QueryKind), vis(pub(crate)))]
#[strum_discriminants(derive(EnumString, IntoStaticStr, VariantNames))]
#[strum_discriminants(strum(serialize_all = "camelCase"))]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Query {
    /// The balance of a wallet.
    Balance {
        /// The user who owns the wallet.
        user_id: String,
    },
    /// The transactions of a wallet, newest first.
    Transactions {
        /// The user who owns the wallet.
        user_id: String,
        /// The number of the page, starting at 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        page_index: Option<u32>,
        /// Rows on a page. `None` means 10.
        #[serde(skip_serializing_if = "Option::is_none")]
        page_size: Option<u32>,
        /// The `next_cursor` of an earlier page. Excludes `page_index`.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// The batches of a wallet, in the order in which they are spent.
    Batches {
        /// The user who owns the wallet.
        user_id: String,
        /// Whether empty and expired batches are included.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        all: bool,
    },
    /// The holds of a user that reserve credits, the first to end first.
    Holds {
        /// The user who owns the wallet.
        user_id: String,
        /// Whether holds that have ended are included.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        all: bool,
    },
    /// The cost of a `hold` or `consume` and the batches that it would use now, or its refusal.
    /// Nothing is reserved.
    Quote {
        /// The user who owns the wallet.
        user_id: String,
        /// The name of the service.
        service: String,
        /// Credits, regardless of the service's price.
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<i64>,
        /// Units of the service. Excludes `amount`. `None` means 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<i64>,
    },
    /// The price of a service.
    Price {
        /// The name of the service.
        service: String,
        /// Units of the service. `None` means 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<i64>,
    },
    /// The packages for sale.
    Packages {},
    /// Whether a user may buy a package. Query this before the user pays, because a purchase is
    /// never refused.
    CanPurchase {
        /// The user who wants to buy.
        user_id: String,
        /// The id of the package. `None` means any package.
        #[serde(skip_serializing_if = "Option::is_none")]
        package_id: Option<String>,
        /// The payment provider's price id of the package. Excludes `package_id`.
        #[serde(skip_serializing_if = "Option::is_none")]
        price_id: Option<String>,
    },
}

impl Query {
    /// The user that the query is about. `None` for prices and packages, which are the same for all
    /// users.
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Self::Balance { user_id }
            | Self::Transactions { user_id, .. }
            | Self::Batches { user_id, .. }
            | Self::Holds { user_id, .. }
            | Self::Quote { user_id, .. }
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

    /// Its `type` on the wire.
    pub fn kind(&self) -> &'static str {
        QueryKind::from(self).into()
    }

    /// Writes the body.
    pub fn to_json(&self) -> Vec<u8> {
        // Serialising a struct of strings and integers cannot fail. The worker would reject an
        // empty body as not JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks that the worker accepts every value.
    pub fn check(&self) -> Result<(), Rejection> {
        match self {
            Self::Balance { user_id }
            | Self::Batches { user_id, .. }
            | Self::Holds { user_id, .. } => checks::known_id("userId", user_id),
            Self::Quote {
                user_id,
                service,
                amount,
                quantity,
            } => {
                checks::known_id("userId", user_id)?;
                checks::known_id("service", service)?;
                check_cost(*amount, *quantity)
            }
            Self::Transactions {
                user_id,
                page_index,
                page_size,
                cursor,
            } => {
                checks::known_id("userId", user_id)?;
                check_page(*page_index, *page_size, cursor.as_deref())
            }
            Self::Price { service, quantity } => {
                checks::known_id("service", service)?;
                quantity.map_or(Ok(()), |quantity| {
                    checks::range("quantity", quantity, MAX_AMOUNT)
                })
            }
            Self::Packages {} => Ok(()),
            Self::CanPurchase {
                user_id,
                package_id,
                price_id,
            } => {
                checks::known_id("userId", user_id)?;
                package_id
                    .as_deref()
                    .map_or(Ok(()), |id| checks::known_id("packageId", id))?;
                match (package_id, price_id) {
                    (Some(_), Some(_)) => Err(Rejection::not_with("priceId", "packageId")),
                    (None, Some(id)) => checks::known_id("priceId", id),
                    _ => Ok(()),
                }
            }
        }
    }
}

fn check_page(
    index: Option<u32>,
    size: Option<u32>,
    cursor: Option<&str>,
) -> Result<(), Rejection> {
    if let Some(size) = size {
        checks::range("pageSize", size.into(), MAX_PAGE_SIZE.into())?;
    }
    if let Some(cursor) = cursor {
        if cursor.is_empty() || cursor.len() > MAX_CURSOR {
            return Err(Rejection::invalid(
                "cursor",
                format!("{} bytes", cursor.len()),
                CURSOR,
            ));
        }
        if index.is_some() {
            return Err(Rejection::not_with("pageIndex", "cursor"));
        }
    }
    let index = index.unwrap_or(0);
    let rows = (u64::from(index) + 1) * u64::from(size.unwrap_or(DEFAULT_PAGE_SIZE));
    if rows > u64::from(MAX_PAGED_ROWS) {
        return Err(Rejection::invalid(
            "pageIndex",
            index,
            format!("within the first {MAX_PAGED_ROWS} rows (use `cursor` for further rows)"),
        ));
    }
    Ok(())
}
