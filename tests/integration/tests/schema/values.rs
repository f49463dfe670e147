//! Values that several rows at and beyond the limits share.

/// A column and its value.
pub type Value = (&'static str, &'static str);

pub const TX: &str = "credits_transaction";
pub const FAILED: Value = ("status", "'FAILED'");
pub const RUNNING: Value = ("status", "'RUNNING'");
pub const REGISTRATION: Value = ("type", "'registration_bonus'");
pub const MONTHLY: Value = ("type", "'monthly_grant'");
pub const PURCHASE: Value = ("type", "'purchase'");
pub const PAYMENT: Value = ("purchase_id", "'p'");
pub const LINE: Value = ("purchase_line", "'1'");
pub const ERROR: Value = ("error_code", "'insufficient_credits'");
pub const ZERO: Value = ("amount", "0");
pub const FIVE: Value = ("amount", "5");
pub const NO_DEBIT: Value = ("debit_account", "NULL");
pub const NO_CREDIT: Value = ("credit_account", "NULL");
pub const TO_WALLET: Value = ("credit_account", "'WALLET:u'");
pub const FROM_PAYMENT: Value = ("debit_account", "'PAYMENT:p'");
pub const FROM_SERVICE: Value = ("debit_account", "'SERVICE:s'");
pub const OWES_FIVE: Value = ("debt_change", "5");
pub const LESS_FIVE: Value = ("debt_change", "-5");
pub const OWED_BY_U: Value = ("debit_account", "'DEBT:u'");
pub const PAID_BY_U: Value = ("credit_account", "'DEBT:u'");
pub const TO_PAYMENT: Value = ("credit_account", "'PAYMENT:p'");
pub const FORGIVEN: Value = ("debit_account", "'SYSTEM:debt-forgiveness'");
pub const AT: &str = "'2026-11-22T10:00:00.000000+00:00'";
pub const LATER: &str = "'2026-11-23T10:00:00.000000+00:00'";
