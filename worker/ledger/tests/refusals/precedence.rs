//! The order of precedence: if several refusals apply, the first one is returned.

use ledger::{Action, DebtPolicy, Item, Refusal, RevokeExtent, Rules};

use super::{
    active, consume, forgive, monthly, promotion, purchase, refund, refusal, reinstate, revoke,
    rules,
};

/// Conformance: Commands: A service without a price is refused by default, or costs
/// `default_consumption` if that is a price
/// Conformance: Refusals and rejections: If several refusals apply, the first in the order of
/// precedence is returned
#[test]
fn each_refusal_takes_precedence_over_those_after_it() {
    let on = rules();
    let off = Rules {
        enabled: false,
        ..rules()
    };
    let blocking = Rules {
        debt_policy: DebtPolicy::Block,
        ..rules()
    };
    let refunded = RevokeExtent::AmountRefunded(1);
    let package = || Item::Package("no such package".to_owned());
    // (rules, reference, user, action, expected). A later refusal would apply to each row, too.
    let table = [
        (
            &off,
            "r1",
            "eve",
            consume("unpriced", None, None),
            Refusal::ReferenceConflict,
        ),
        (
            &off,
            "r1",
            "eve",
            active("sub_gold", "gold"),
            Refusal::ReferenceConflict,
        ),
        (
            &off,
            "n1",
            "eve",
            consume("unpriced", None, None),
            Refusal::CreditsDisabled,
        ),
        (
            &off,
            "n1",
            "eve",
            purchase(package()),
            Refusal::CreditsDisabled,
        ),
        (
            &off,
            "n1",
            "eve",
            active("sub_gold", "gold"),
            Refusal::CreditsDisabled,
        ),
        (
            &off,
            "n1",
            "eve",
            refund("c1", Some(6)),
            Refusal::CreditsDisabled,
        ),
        (
            &off,
            "n1",
            "eve",
            monthly("sub_none"),
            Refusal::CreditsDisabled,
        ),
        (
            &on,
            "n1",
            "eve",
            consume("dear", None, Some(2)),
            Refusal::InvalidAmount,
        ),
        (
            &on,
            "n1",
            "eve",
            consume("unpriced", None, None),
            Refusal::UnknownService,
        ),
        (
            &on,
            "n1",
            "eve",
            purchase(package()),
            Refusal::UnknownPackage,
        ),
        (
            &on,
            "n1",
            "eve",
            active("sub_off", "gold"),
            Refusal::SubscriptionConflict,
        ),
        (
            &on,
            "n1",
            "eve",
            active("sub_gold", "off"),
            Refusal::SubscriptionConflict,
        ),
        (
            &on,
            "n1",
            "eve",
            active("sub_new", "gold"),
            Refusal::UnknownPlan,
        ),
        (
            &on,
            "grant:sub_gold:2026-09-21",
            "ada",
            monthly("sub_gold"),
            Refusal::UnknownPlan,
        ),
        (
            &on,
            "n1",
            "eve",
            active("sub_new", "off"),
            Refusal::PlanDisabled,
        ),
        (
            &on,
            "grant:sub_off:2026-09-21",
            "ada",
            monthly("sub_off"),
            Refusal::PlanDisabled,
        ),
        (&on, "n1", "eve", monthly("sub_none"), Refusal::NotDue),
        (
            &on,
            "n1",
            "eve",
            consume("google:chat", Some(1000), None),
            Refusal::WalletNotFound,
        ),
        (
            &on,
            "n1",
            "eve",
            refund("c1", Some(6)),
            Refusal::WalletNotFound,
        ),
        (&on, "n1", "eve", reinstate("v2"), Refusal::WalletNotFound),
        (&on, "n1", "eve", forgive(Some(6)), Refusal::WalletNotFound),
        (
            &blocking,
            "n1",
            "ice",
            consume("google:chat", Some(1000), None),
            Refusal::WalletFrozen,
        ),
        (
            &blocking,
            "n1",
            "deb",
            consume("google:chat", Some(1000), None),
            Refusal::DebtOutstanding,
        ),
        (
            &on,
            "n1",
            "ada",
            Action::RegistrationBonus,
            Refusal::AlreadyGranted,
        ),
        (
            &on,
            "n1",
            "eve",
            purchase(Item::Package("lite".to_owned())),
            Refusal::DuplicatePayment,
        ),
        (&on, "n1", "ada", promotion(1), Refusal::MaxBalanceReached),
        (
            &on,
            "n1",
            "ada",
            consume("google:chat", Some(101), None),
            Refusal::InsufficientCredits,
        ),
        (
            &on,
            "n1",
            "ada",
            refund("c1", Some(6)),
            Refusal::OriginalNotFound,
        ),
        (
            &on,
            "n1",
            "ada",
            revoke("r8", refunded),
            Refusal::OriginalNotFound,
        ),
        (&on, "n1", "ada", reinstate("v2"), Refusal::OriginalNotFound),
        (
            &on,
            "n1",
            "pat",
            refund("c1", Some(6)),
            Refusal::RefundExceedsConsumption,
        ),
        (
            &on,
            "n1",
            "deb",
            revoke("r8", refunded),
            Refusal::AmountPaidUnknown,
        ),
        (
            &on,
            "n1",
            "deb",
            revoke("r8", RevokeExtent::Amount(101)),
            Refusal::RevokeExceedsCredits,
        ),
        (
            &on,
            "n1",
            "deb",
            reinstate("v2"),
            Refusal::AlreadyReinstated,
        ),
        (
            &on,
            "n1",
            "deb",
            forgive(Some(6)),
            Refusal::ForgiveExceedsDebt,
        ),
    ];
    let mut order = Vec::new();
    for (rules, reference, user, action, expected) in table {
        assert_eq!(
            refusal(rules, reference, user, action.clone()),
            Some(expected),
            "{user}: {action:?}"
        );
        order.push(expected);
    }
    assert!(
        order.is_sorted(),
        "the table stands in the order of precedence"
    );
}
