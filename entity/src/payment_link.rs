//! What is known about the customers and payments of a payment provider.

use sea_orm::entity::prelude::*;

/// What is known about the customers and payments of a payment provider.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_link")]
pub struct Model {
    /// `stripe` or `creem`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub provider: String,
    /// `customer`, `subscription`, `payment` or `invoice`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// The provider's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub external_id: String,
    /// The user to whom it belongs.
    pub user_id: Option<String>,
    /// The reference of the purchase that a refund of the payment revokes.
    pub deposit: Option<String>,
    /// What was paid, in the smallest unit of the currency.
    pub amount: Option<i64>,
    /// The invoice that the payment paid.
    pub invoice: Option<String>,
    /// The subscription of which a period was paid.
    pub subscription_id: Option<String>,
    /// The first instant of the period that was paid.
    pub period_start: Option<DateTimeUtc>,
    /// The first instant after the period that was paid.
    pub period_end: Option<DateTimeUtc>,
    /// The operator who made the link. `None`: an event did.
    pub created_by: Option<String>,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
