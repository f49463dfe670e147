//! The names that the ledger uses in rows and replies. They are stored, so they must not change.

use ledger::{BatchStatus, Origin, Refusal, Skipped, Source, TransactionType, WalletStatus};
use strum::VariantArray;

#[test]
fn each_type_of_transaction_has_its_name() {
    use TransactionType::{
        Bonus, Capture, Consumption, Debt, Expiration, Forgiveness, Freeze, Hold, MonthlyGrant,
        Promotion, Purchase, Refund, RegistrationBonus, Reinstatement, Release, Repayment,
        Revocation, Subscription, Unfreeze,
    };
    let names = [
        (Purchase, "purchase"),
        (Consumption, "consumption"),
        (MonthlyGrant, "monthly_grant"),
        (RegistrationBonus, "registration_bonus"),
        (Expiration, "expiration"),
        (Bonus, "bonus"),
        (Promotion, "promotion"),
        (Refund, "refund"),
        (Revocation, "revocation"),
        (Hold, "hold"),
        (Capture, "capture"),
        (Release, "release"),
        (Subscription, "subscription"),
        (Freeze, "freeze"),
        (Unfreeze, "unfreeze"),
        (Debt, "debt"),
        (Repayment, "repayment"),
        (Forgiveness, "forgiveness"),
        (Reinstatement, "reinstatement"),
    ];
    for (kind, name) in names {
        assert_eq!(kind.as_str(), name);
        assert_eq!(name.parse(), Ok(kind));
    }
    assert!("PURCHASE".parse::<TransactionType>().is_err());
    assert_eq!(TransactionType::VARIANTS, names.map(|(kind, _)| kind));
}

#[test]
fn origins_statuses_and_sources_have_their_names() {
    let origins = [Origin::Usage, Origin::Funding, Origin::Internal];
    assert_eq!(
        origins.map(Origin::as_str),
        ["usage", "funding", "internal"]
    );
    let wallets = [WalletStatus::Active, WalletStatus::Frozen];
    assert_eq!(wallets.map(WalletStatus::as_str), ["ACTIVE", "FROZEN"]);
    let batches = [
        BatchStatus::Active,
        BatchStatus::Consumed,
        BatchStatus::Expired,
        BatchStatus::Revoked,
    ];
    let names = ["ACTIVE", "CONSUMED", "EXPIRED", "REVOKED"];
    assert_eq!(batches.map(BatchStatus::as_str), names);
    let sources = [Source::Purchase, Source::Subscription, Source::Bonus];
    let names = ["PURCHASE", "SUBSCRIPTION", "BONUS"];
    assert_eq!(sources.map(Source::as_str), names);
    for (skipped, name) in [
        (Skipped::Expired, "lapsed"),
        (Skipped::PaidPlan, "paid_plan"),
    ] {
        assert_eq!(skipped.as_str(), name);
        assert_eq!(name.parse(), Ok(skipped));
    }
    assert!("LAPSED".parse::<Skipped>().is_err());
}

/// The table of refusals in docs/reference/outcomes.md: the code, and whether the refusal is
/// stored.
#[test]
fn each_refusal_has_its_code_and_is_stored_if_the_ledger_decides_it() {
    let table = [
        ("reference_conflict", false),
        ("credits_disabled", false),
        ("invalid_amount", false),
        ("unknown_service", false),
        ("invalid_expiry", false),
        ("unknown_package", false),
        ("subscription_conflict", false),
        ("unknown_plan", false),
        ("plan_disabled", false),
        ("not_due", false),
        ("wallet_not_found", true),
        ("wallet_frozen", true),
        ("debt_outstanding", true),
        ("already_granted", true),
        ("duplicate_payment", true),
        ("max_balance_reached", true),
        ("hold_not_found", true),
        ("hold_closed", true),
        ("insufficient_credits", true),
        ("original_not_found", true),
        ("refund_exceeds_consumption", true),
        ("amount_paid_unknown", true),
        ("revoke_exceeds_credits", true),
        ("already_reinstated", true),
        ("forgive_exceeds_debt", true),
    ];
    let all = Refusal::VARIANTS.iter();
    let found: Vec<_> = all
        .map(|refusal| (refusal.as_str(), refusal.is_stored()))
        .collect();
    assert_eq!(found, table);
    for (code, _) in table {
        assert_eq!(code.parse().map(Refusal::as_str), Ok(code));
    }
    assert!("INVALID_AMOUNT".parse::<Refusal>().is_err());
}
