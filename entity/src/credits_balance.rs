//! Wallets: one row per user.

use sea_orm::entity::prelude::*;

/// Wallets: one row per user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_balance")]
pub struct Model {
    /// The id of the wallet, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The application's id of the user, 1 to 200 bytes.
    #[sea_orm(unique)]
    pub user_id: String,
    /// Credits left in the user's ACTIVE batches. Expired credits count until the expiry job
    /// removes them.
    pub balance: i64,
    /// Credits of `balance` that holds reserve.
    pub held: i64,
    /// Sum of purchases, bonuses, grants and promotions since the wallet was opened.
    pub total_earned: i64,
    /// Sum of consumptions and captures minus refunds since the wallet was opened.
    pub total_spent: i64,
    /// Number of COMPLETED transactions.
    pub transaction_count: i64,
    /// `ACTIVE` or `FROZEN`. A frozen wallet refuses consumption.
    pub status: String,
    /// Version of the row. Every write increases it.
    pub version: i64,
    /// The earliest instant at which a period of the user's subscriptions can be granted if no
    /// event follows. `None` means that no period can be granted.
    pub next_due_at: Option<DateTimeUtc>,
    /// The earliest expiry of its open holds. `None` if it has no open hold.
    pub holds_end_at: Option<DateTimeUtc>,
    /// Credits that revocations took back and that the wallet still owes.
    pub debt: i64,
    /// When the wallet was opened.
    pub created_at: DateTimeUtc,
    /// When the row was last written.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
