//! Debts: revoked credits that had been spent or were held.

use sea_orm::entity::prelude::*;

/// Debts: revoked credits that had been spent or were held. What is neither repaid nor forgiven nor
/// cancelled is open.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_debt")]
pub struct Model {
    /// The transaction of type `debt`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// The own transaction of the revocation.
    pub revocation_id: Uuid,
    /// The deposit whose credits were revoked.
    pub deposit_id: Uuid,
    /// Credits that were owed at first.
    pub amount: i64,
    /// Credits that were repaid.
    pub repaid: i64,
    /// Credits that were forgiven.
    pub forgiven: i64,
    /// Credits that a reinstatement cancelled.
    pub cancelled: i64,
    /// When the revocation was booked.
    pub created_at: DateTimeUtc,
    /// When the last change was booked.
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
