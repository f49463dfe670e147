//! Holds: credits that are reserved for a service.

use sea_orm::entity::prelude::*;

/// Holds: credits that are reserved for a service.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_hold")]
pub struct Model {
    /// The id of the hold's transaction.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The origin of the command: `usage` or `funding`.
    pub origin: String,
    /// The broker account that sent the command, as the broker verified it.
    pub sender: Option<String>,
    /// The reference of the command. Captures and releases name it.
    pub reference_id: String,
    /// The service that the credits are reserved for.
    pub service: String,
    /// The price of the service when the hold was made: credits for `price_per` units. `None` if it
    /// had no price.
    pub price_credits: Option<i64>,
    /// The number of units that `price_credits` pays for.
    pub price_per: Option<i64>,
    /// Credits that were reserved at first, 0 to 10^15.
    pub amount: i64,
    /// Credits of `amount` that captures charged. An open hold reserves the rest.
    pub captured: i64,
    /// `OPEN`, then `CAPTURED`, `RELEASED` or `EXPIRED`.
    pub status: String,
    /// The first instant at which it reserves nothing any more, also if it is still OPEN.
    pub expires_at: DateTimeUtc,
    /// When it was closed. `None` while it is OPEN.
    pub closed_at: Option<DateTimeUtc>,
    /// When the row was first written.
    pub created_at: DateTimeUtc,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
