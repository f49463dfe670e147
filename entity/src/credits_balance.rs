//! Wallets: one row a user.

use sea_orm::entity::prelude::*;

/// Wallets: one row a user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_balance")]
pub struct Model {
    /// Id of the wallet, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The user, as the application names him: 1 to 200 bytes.
    #[sea_orm(unique)]
    pub user_id: String,
    /// Credits left in his ACTIVE batches, lapsed ones included until they are swept.
    pub balance: i64,
    /// Credits of `balance` that holds reserve.
    pub held: i64,
    /// Credits that purchases, bonuses, grants and promotions have added since the wallet was opened.
    pub total_earned: i64,
    /// Credits that consumption has taken since the wallet was opened, less refunds.
    pub total_spent: i64,
    /// Number of COMPLETED transactions.
    pub transaction_count: i64,
    /// `ACTIVE`, or `FROZEN`: consumption is refused.
    pub status: String,
    /// Raised by every writer.
    pub version: i64,
    /// When the wallet was opened.
    pub created_at: DateTimeUtc,
    /// When the row was written last.
    pub updated_at: DateTimeUtc,
    /// When the next period of the user's subscriptions can be granted if nothing changes; `None`: none can.
    pub next_due_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
