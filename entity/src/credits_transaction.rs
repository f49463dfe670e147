//! Transactions: each row is one double-entry posting or one refusal.

use sea_orm::entity::prelude::*;

/// Transactions: each row is one double-entry posting or one refusal.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credits_transaction")]
pub struct Model {
    /// The id of the transaction, a UUID of version 7.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The owner of the wallet.
    pub user_id: String,
    /// `purchase`, `consumption`, `monthly_grant`, `registration_bonus`, `expiration`, `bonus`,
    /// `promotion`, `capture`, `refund`, `revocation`, `debt`, `repayment`, `forgiveness` or
    /// `reinstatement`. A row that moves no credits may also have the name of a command, such as
    /// `freeze`.
    #[sea_orm(column_name = "type")]
    pub kind: String,
    /// Credits. Positive if the wallet gains, negative if it loses, 0 if no credits move.
    pub amount: i64,
    /// The account that the credits left. `None` if no credits move and the debt stays the same.
    pub debit_account: Option<String>,
    /// The account that the credits reached. `None` if no credits move and the debt stays the same.
    pub credit_account: Option<String>,
    /// The origin of the command: `usage`, `funding` or `internal`.
    pub origin: String,
    /// The broker account that sent the command, as the broker verified it. `None` if the message
    /// has no `user_id` or the queue verifies none.
    pub sender: Option<String>,
    /// The reference. It is unique per origin, or per origin and sender.
    pub reference_id: String,
    /// A version byte and 16 bytes of a hash over the requested change. `None` for postings with a
    /// derived reference.
    pub fingerprint: Option<Vec<u8>>,
    /// `COMPLETED` or `FAILED`. A failed command was refused and moved no credits.
    pub status: String,
    /// The code of the refusal. `None` unless `status` is `FAILED`.
    pub error_code: Option<String>,
    /// The wallet's `balance` afterwards. `None` if the user had no wallet.
    pub balance_after: Option<i64>,
    /// The service that the credits were spent on.
    pub service: Option<String>,
    /// The number of units that were used, in the unit of the service's price.
    pub quantity: Option<i64>,
    /// The payment provider's id of the payment.
    pub purchase_id: Option<String>,
    /// The line of the payment, if it has several.
    pub purchase_line: Option<String>,
    /// The first transaction that credited the same payment. Set on later purchases of that payment
    /// that were made before such purchases were refused.
    pub duplicate_of: Option<Uuid>,
    /// The subscription that the transaction belongs to.
    pub subscription_id: Option<String>,
    /// The start of the granted period.
    pub period_start: Option<DateTimeUtc>,
    /// The transaction that this one belongs to: the purchase of a bonus, the consumption of a
    /// refund, the crediting transaction of a revocation, the revocation of a reinstatement.
    pub related_id: Option<Uuid>,
    /// The caller's text for people.
    pub description: Option<String>,
    /// The caller's JSON object for programs.
    pub metadata: Option<Json>,
    /// Further details of the outcome. For a refusal they include the request.
    pub detail: Option<Json>,
    /// The effective time of the command.
    pub occurred_at: DateTimeUtc,
    /// When it was decided.
    pub created_at: DateTimeUtc,
    /// The change of the wallet's debt. `None` if it stays the same.
    pub debt_change: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
