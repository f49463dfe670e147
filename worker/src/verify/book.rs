//! The sums of the whole book, by kind of account.
//!
//! Every issued credit is still in a wallet, or was consumed (less refunds), expired, revoked (less
//! reinstatements) or repaid a debt. Each kind of account gave or received exactly the sum of the
//! transactions of its types. What is owed is what left the accounts of debts and has not reached
//! them since.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, Value};

use super::{
    error::VerifyError,
    report::{BookSummary, Issued, Report, Violation},
};
use crate::read::sql;

/// The kind of account that each type moves credits from (`true`) or to (`false`). A revocation
/// moves them to any, a reinstatement from any.
const TYPES: [(&str, &str, bool); 10] = [
    ("purchase", "PAYMENT", true),
    ("bonus", "SYSTEM:purchase-bonus", true),
    ("registration_bonus", "SYSTEM:registration-bonus", true),
    ("monthly_grant", "SYSTEM:subscription-grant", true),
    ("promotion", "SYSTEM:promotion", true),
    ("refund", "SERVICE", true),
    ("consumption", "SERVICE", false),
    ("capture", "SERVICE", false),
    ("expiration", "SYSTEM:expiration", false),
    ("repayment", "DEBT", false),
];

/// The kind of account that each type moves owed credits from (`true`) or to (`false`), without the
/// accounts of debts themselves. A debt moves them to any account, a reinstatement from any.
const DEBT_TYPES: [(&str, &str, bool); 1] = [("forgiveness", "SYSTEM:debt-forgiveness", true)];

/// The sums of all ranges that have been checked.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Credits added to wallets by type. Negative if the type took credits.
    types: BTreeMap<String, i128>,
    /// Credits added to debts by type. Negative if the type reduced debts.
    changes: BTreeMap<String, i128>,
    /// Credits that left and reached accounts, by type and kind of account.
    accounts: BTreeMap<(String, String), (i128, i128)>,
    balances: i128,
    debts: i128,
}

/// Credits that accounts of one kind gave or received by one type of transaction.
struct Sum {
    kind: String,
    account: String,
    debited: bool,
    amount: i128,
}

/// Five kinds of rows: credits added to wallets (`$wallets`) and to debts (`$debts`) by type;
/// credits that left (`debited`) or reached accounts, by type and kind of account; and the sums of
/// the balances and of the debts.
const FLOWS: &str = "\
SELECT kind, account, debited, {sum}
  FROM (SELECT type AS kind, '$wallets' AS account, FALSE AS debited, amount FROM credits_transaction
         WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' AND amount <> 0
        UNION ALL
        SELECT type, '$debts', FALSE, debt_change FROM credits_transaction
         WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' AND debt_change IS NOT NULL
        UNION ALL
        SELECT type, {debit}, TRUE, abs(CASE amount WHEN 0 THEN debt_change ELSE amount END) FROM credits_transaction
         WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' AND (amount <> 0 OR debt_change IS NOT NULL)
        UNION ALL
        SELECT type, {credit}, FALSE, abs(CASE amount WHEN 0 THEN debt_change ELSE amount END) FROM credits_transaction
         WHERE user_id > $1 AND user_id <= $2 AND status = 'COMPLETED' AND (amount <> 0 OR debt_change IS NOT NULL)
        UNION ALL
        SELECT '', '$wallets', FALSE, balance FROM credits_balance WHERE user_id > $1 AND user_id <= $2
        UNION ALL
        SELECT '', '$debts', FALSE, debt FROM credits_balance WHERE user_id > $1 AND user_id <= $2) flows
 GROUP BY kind, account, debited";

/// The kind of an account: the text before the first colon. A system account is its own kind.
const KIND: &str = "CASE WHEN substr({account}, 1, 7) = 'WALLET:' THEN 'WALLET'
    WHEN substr({account}, 1, 8) = 'SERVICE:' THEN 'SERVICE'
    WHEN substr({account}, 1, 8) = 'PAYMENT:' THEN 'PAYMENT'
    WHEN substr({account}, 1, 5) = 'DEBT:' THEN 'DEBT'
    ELSE coalesce({account}, 'none') END";

impl Book {
    /// Adds the sums of a range of users.
    pub(super) async fn add(
        &mut self,
        db: &DatabaseTransaction,
        bounds: (&str, &str),
    ) -> Result<(), VerifyError> {
        let what = "the sums of the book";
        for sum in sums(db, bounds).await.map_err(VerifyError::reading(what))? {
            self.add_one(sum).ok_or(VerifyError::Overflow { what })?;
        }
        Ok(())
    }

    fn add_one(&mut self, sum: Sum) -> Option<()> {
        let total = match (sum.kind.as_str(), sum.account.as_str()) {
            ("", "$debts") => &mut self.debts,
            ("", _) => &mut self.balances,
            (_, "$wallets") => self.types.entry(sum.kind).or_default(),
            (_, "$debts") => self.changes.entry(sum.kind).or_default(),
            _ => {
                let (left, reached) = self.accounts.entry((sum.kind, sum.account)).or_default();
                if sum.debited { left } else { reached }
            }
        };
        *total = total.checked_add(sum.amount)?;
        Some(())
    }

    /// Adds the sums of the book and their violations to the report.
    pub(super) fn close(self, report: &mut Report) {
        let summary = self.summary();
        let violations: Vec<_> = summary
            .violation()
            .into_iter()
            .chain(self.misplaced())
            .collect();
        report.book = summary;
        report.add(violations.len() as u64, violations);
    }

    fn sum(&self, kind: &str) -> i128 {
        self.types.get(kind).copied().unwrap_or_default()
    }

    fn change(&self, kind: &str) -> i128 {
        self.changes.get(kind).copied().unwrap_or_default()
    }

    fn summary(&self) -> BookSummary {
        BookSummary {
            issued: Issued {
                purchases: self.sum("purchase"),
                bonuses: self.sum("bonus"),
                registration_bonuses: self.sum("registration_bonus"),
                monthly_grants: self.sum("monthly_grant"),
                promotions: self.sum("promotion"),
            },
            consumed: -self.sum("consumption") - self.sum("capture"),
            refunded: self.sum("refund"),
            expired: -self.sum("expiration"),
            revoked: -self.sum("revocation") - self.sum("reinstatement"),
            repaid: -self.sum("repayment"),
            debts: self.debts,
            balances: self.balances,
        }
    }

    /// Violations of kinds of accounts that gave or received other sums than their types.
    fn misplaced(&self) -> impl Iterator<Item = Violation> {
        self.accounts
            .iter()
            .filter_map(|((kind, account), (left, reached))| {
                let expected = self.expected(kind, account, (*left, *reached));
                (expected != (*left, *reached)).then(|| Violation {
                rule: "book.accounts_fit_types",
                table: "credits_transaction",
                id: account.clone(),
                user_id: None,
                message: format!(
                    "transactions of type {kind} took {left} from {account} accounts and brought \
                     {reached} to them; it should be {} and {}",
                    expected.0, expected.1
                ),
            })
            })
    }

    /// What transactions of a type should have taken from accounts of a kind, and brought to them.
    fn expected(&self, kind: &str, account: &str, (left, reached): (i128, i128)) -> (i128, i128) {
        let (total, change) = (self.sum(kind), self.change(kind));
        let is = |(name, right, _): &&(&str, &str, bool)| *name == kind && *right == account;
        let moved = |total: i128, gives: bool| if gives { (total, 0) } else { (0, -total) };
        match account {
            "WALLET" => return (-total.min(0), total.max(0)),
            "DEBT" => return (change.max(0), -change.min(0)),
            _ => {}
        }
        if let Some((.., gives)) = TYPES.iter().find(is) {
            return moved(total, *gives);
        }
        if let Some((.., gives)) = DEBT_TYPES.iter().find(is) {
            return moved(-change, *gives);
        }
        match kind {
            "revocation" | "debt" => (0, reached),
            "reinstatement" => (left, 0),
            _ => (0, 0),
        }
    }
}

async fn sums(db: &DatabaseTransaction, bounds: (&str, &str)) -> Result<Vec<Sum>, DbErr> {
    let text = FLOWS
        .replace("{sum}", &sql::sum("amount", "amount"))
        .replace("{debit}", &KIND.replace("{account}", "debit_account"))
        .replace("{credit}", &KIND.replace("{account}", "credit_account"));
    let values: [Value; 2] = [bounds.0.into(), bounds.1.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), text, values);
    let rows = db.query_all_raw(statement).await?;
    let sums = rows.iter().map(|row| {
        Ok(Sum {
            kind: row.try_get_by("kind")?,
            account: row.try_get_by("account")?,
            debited: row.try_get_by("debited")?,
            amount: sql::summed(row, "amount")?,
        })
    });
    sums.collect()
}
