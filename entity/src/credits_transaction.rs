//! Transactions: one double-entry posting each, or one refusal.

use sea_orm::entity::prelude::*;

/// Transactions: one double-entry posting each, or one refusal.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_transaction")]
pub struct Model {
    /// Id of the transaction, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// `purchase`, `consumption`, `monthly_grant`, `registration_bonus`, `expiration`, `bonus`, `promotion`, `refund` or
    /// `revocation`; a refusal may also carry the name of a command that moves nothing.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// Credits: positive when the wallet gains, negative when it loses, 0 when nothing moved.
    pub amount: i64,
    /// Account that the credits left; `None` when nothing moved.
    pub debit_account: Option<String>,
    /// Account that the credits reached; `None` when nothing moved.
    pub credit_account: Option<String>,
    /// Door the command came through: `usage`, `funding` or `internal`.
    pub origin: String,
    /// The caller's reference, unique for each origin, or for each origin and sender.
    pub reference_id: String,
    /// A version byte and 16 bytes of hash over what the command asked for; `None` for postings that another one entailed.
    pub fingerprint: Option<Vec<u8>>,
    /// `COMPLETED`, or `FAILED`: refused, nothing moved.
    pub status: String,
    /// Why it was refused.
    pub error_code: Option<String>,
    /// `balance` of the wallet after it; `None`: there was no wallet.
    pub balance_after: Option<i64>,
    /// What the credits were spent on.
    pub service: Option<String>,
    /// How much of the service was used, in the unit of its price.
    pub quantity: Option<i64>,
    /// The payment.
    pub purchase_id: Option<String>,
    /// The line of the payment, where it has several.
    pub purchase_line: Option<String>,
    /// Of a purchase that credited a payment again before that was refused: the transaction that credited it first. Only a
    /// migration writes it.
    pub duplicate_of: Option<Uuid>,
    /// The subscription that a grant belongs to.
    pub subscription_id: Option<String>,
    /// Start of the subscription's period that was granted.
    pub period_start: Option<DateTimeUtc>,
    /// The transaction that this one belongs to: of a bonus its purchase, of a refund what it gives back.
    pub related_id: Option<Uuid>,
    /// Free text of the caller.
    pub description: Option<String>,
    /// Free data of the caller.
    pub metadata: Option<Json>,
    /// What else the outcome said; of a refusal, what was asked.
    pub detail: Option<Json>,
    /// Effective time of the command.
    pub occurred_at: DateTimeUtc,
    /// The verified account of the broker that sent the command; `None`: it sent no `user_id`, or the queue verifies none.
    pub sender: Option<String>,
    /// When it was decided.
    pub created_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
