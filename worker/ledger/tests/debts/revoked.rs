//! How much is revoked, where the credits come from, and which deposit a revocation names.

use chrono::TimeDelta;
use ledger::{
    Action, BatchStatus, Decision, Expire, Hold, Origin, References, Refusal, Release, Revoke,
    RevokeExtent, RevokeTarget, TransactionType,
};

use super::{credits, effect, lite, parts, promotion, purchase, refunded, reinstate, revoke};
use crate::desk::{Desk, at, code, consume, settled};

/// Conformance: Revocations and debt: The share of a revocation is rounded down to whole credits,
/// and what rounding leaves out counts for the next one
#[test]
fn what_rounding_leaves_out_counts_for_the_next_revocation() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(10));
    let quarter = RevokeExtent::Share(250_000);
    let amounts: Vec<i64> = (1..=4)
        .map(|nth| desk.order(&format!("v{nth}"), revoke("g", quarter)).amount)
        .collect();
    assert_eq!(amounts, [-2, -3, -2, -3]);
    let third = RevokeExtent::Share(333_333);
    desk.order("h", promotion(10));
    for nth in 1..=3 {
        desk.order(&format!("w{nth}"), revoke("h", third));
    }
    assert_eq!(desk.balance(), 1, "9.99999 of 10 credits were revoked");
}

/// Conformance: Revocations and debt: `amountRefunded` is cumulative; a value that is not higher
/// than before revokes nothing
#[test]
fn a_refunded_amount_that_is_not_higher_than_before_revokes_nothing() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, None), Some(10_000_000)));
    assert_eq!(desk.order("a", revoke("pi_1", refunded(500))).amount, -50);
    for (reference, cents) in [("b", 500), ("c", 250), ("d", 0)] {
        let outcome = desk.order(reference, revoke("pi_1", refunded(cents)));
        assert_eq!((code(&outcome), parts(&outcome)), (None, (0, 0, 0)));
    }
    let beyond = desk.order("e", revoke("pi_1", refunded(1_200)));
    assert_eq!(beyond.amount, -50, "at most all");
    let after = desk.order("f", revoke("pi_1", refunded(1_300)));
    assert_eq!((code(&after), after.amount), (None, 0));
}

#[test]
fn an_amount_and_a_share_add_to_what_was_revoked_before() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), Some(10_000_000)));
    let amount = desk.order("a", revoke("pi_1", RevokeExtent::Amount(20)));
    assert_eq!(parts(&amount), (22, 22, 0), "a fifth of the bonus");
    let share = desk.order("b", revoke("pi_1", RevokeExtent::Share(250_000)));
    assert_eq!(parts(&share), (27, 27, 0));
    let refund = desk.order("c", revoke("pi_1", refunded(460)));
    assert_eq!(parts(&refund), (1, 1, 0), "46 of 100 credits, 4 of 10");
    let whole = desk.order("d", revoke("pi_1", RevokeExtent::Share(1_000_000)));
    assert_eq!(parts(&whole), (60, 60, 0), "at most all");
}

/// Conformance: Revocations and debt: More than is left of the deposit is refused, and revokes
/// nothing
#[test]
fn more_than_is_left_of_the_deposit_is_refused() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(100));
    desk.order("a", revoke("g", RevokeExtent::Amount(70)));
    let refused = desk.order("b", revoke("g", RevokeExtent::Amount(31)));
    let refusal = refused.refused.expect("a refusal");
    assert_eq!(refusal.code, Refusal::RevokeExceedsCredits);
    assert_eq!((refusal.required, refusal.available), (Some(31), Some(30)));
    assert_eq!(
        refusal.to_string(),
        "31 credits would be revoked, 30 are left of the deposit"
    );
    desk.order("c", revoke("g", RevokeExtent::All));
    for (reference, extent) in [
        ("d", RevokeExtent::All),
        ("e", RevokeExtent::Share(1)),
        ("f", RevokeExtent::Amount(1)),
    ] {
        let refused = desk.order(reference, revoke("g", extent));
        assert_eq!(code(&refused), Some(Refusal::RevokeExceedsCredits));
    }
    assert_eq!((desk.balance(), desk.debt()), (0, 0));
}

#[test]
fn a_share_of_the_price_needs_a_price() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, None), None));
    desk.order("g", promotion(10));
    for (reference, of) in [("a", "pi_1"), ("b", "g")] {
        let refused = desk.order(reference, revoke(of, refunded(100)));
        assert_eq!(code(&refused), Some(Refusal::AmountPaidUnknown));
    }
}

/// Conformance: Revocations and debt: Credits that are spent or held become a debt; credits that
/// have expired are neither taken nor owed
#[test]
fn free_credits_are_taken_expired_ones_are_forgotten_and_the_rest_is_owed() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(10)), Some(10_000_000)));
    desk.order("c", consume(30));
    let hold = Action::Hold(Hold {
        service: "google:chat".to_owned(),
        amount: Some(20),
        quantity: None,
        expires_at: None,
        expires_in_seconds: Some(600),
    });
    desk.order("h", hold);
    let half = desk.order("a", revoke("pi_1", RevokeExtent::Share(600_000)));
    assert_eq!(parts(&half), (60, 50, 10), "50 are free");
    let release = Action::Release(Release {
        hold: "h".to_owned(),
    });
    desk.order("h:r", release);
    assert_eq!((desk.balance(), desk.debt()), (20, 10), "the debt stays");
    desk.now = at("2026-01-25");
    let rest = desk.order("b", revoke("pi_1", RevokeExtent::All));
    assert_eq!(parts(&rest), (40, 0, 20), "20 have expired");
    assert_eq!(desk.balance(), 20, "the expiry job takes them");
    let expire = Action::Expire(Expire { cutoff: desk.now });
    desk.order("e", expire);
    assert_eq!((desk.balance(), desk.debt()), (0, 30));
}

#[test]
fn expired_credits_count_once() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(10)), Some(10_000_000)));
    desk.order("c", consume(50));
    desk.now = at("2026-01-25");
    let cutoff = desk.now;
    desk.order("e", Action::Expire(Expire { cutoff }));
    let first = desk.order("a", revoke("pi_1", refunded(500)));
    assert_eq!(parts(&first), (50, 0, 0));
    let second = desk.order("b", revoke("pi_1", refunded(1_000)));
    assert_eq!(parts(&second), (50, 0, 50));
}

#[test]
fn a_batch_that_a_revocation_empties_is_revoked() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(10));
    desk.order("a", revoke("g", RevokeExtent::All));
    let batch = desk.batch(TransactionType::Promotion);
    assert_eq!((batch.remaining, batch.status), (0, BatchStatus::Revoked));
}

/// Conformance: Revocations and debt: Batches that a refund added in place of an expired one are
/// revoked like the batch of the deposit
#[test]
fn credits_that_came_back_as_a_new_batch_are_taken_too() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(10)), Some(10_000_000)));
    desk.order("c", consume(60));
    desk.now = at("2026-01-22");
    desk.give_back("c:refund", "c", Some(50));
    assert_eq!(desk.batch(TransactionType::Refund).remaining, 50);
    let revoked = desk.order("a", revoke("pi_1", RevokeExtent::All));
    assert_eq!(parts(&revoked), (100, 50, 10), "40 have expired");
}

/// Conformance: Refunds: A refund of credits whose deposit was revoked first repays the debt that
/// the revocation left
#[test]
fn a_refund_repays_only_the_debt_of_its_own_deposit() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.debt_policy = ledger::DebtPolicy::Report;
    desk.order("g", promotion(10));
    desk.order("c", consume(10));
    desk.order("pi_1", purchase(credits(100, None), None));
    desk.order("d", consume(60));
    desk.order("a", revoke("pi_1", RevokeExtent::All));
    assert_eq!((desk.balance(), desk.debt()), (0, 60));
    let other = desk.give_back("c:refund", "c", None);
    assert_eq!((other.amount, effect(&other).repaid), (10, None));
    let own = desk.give_back("d:refund", "d", Some(15));
    assert_eq!((own.amount, effect(&own).repaid), (0, Some(15)));
    assert_eq!((desk.balance(), desk.debt()), (10, 45));
}

#[test]
fn a_bonus_can_be_revoked_alone_and_is_not_revoked_twice() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), Some(10_000_000)));
    let bonus = desk.order("a", revoke("bonus:pi_1", RevokeExtent::Amount(8)));
    assert_eq!(parts(&bonus), (8, 8, 0));
    let half = desk.order("b", revoke("pi_1", refunded(500)));
    assert_eq!(parts(&half), (50, 50, 0), "8 of the bonus are enough");
    let rest = desk.order("c", revoke("pi_1", RevokeExtent::All));
    assert_eq!(parts(&rest), (52, 52, 0));
}

#[test]
fn a_payment_names_its_purchase_and_no_other_line() {
    let mut desk = Desk::new("2026-01-10");
    let mut line = purchase(lite(), None);
    if let Action::Purchase(purchase) = &mut line {
        purchase.purchase_line = Some("2".to_owned());
    }
    desk.order("pi_1:2", line);
    let payment = |purchase_line: Option<&str>| {
        Action::Revoke(Revoke {
            target: RevokeTarget::Payment {
                purchase_id: "pi_1".to_owned(),
                purchase_line: purchase_line.map(str::to_owned),
            },
            extent: RevokeExtent::All,
        })
    };
    for (reference, of) in [("a", None), ("b", Some("1"))] {
        assert!(desk.is_kept("u", reference, payment(of)));
    }
    assert_eq!(desk.order("c", payment(Some("2"))).amount, -110);
}

/// Conformance: Revocations and debt: A revocation that arrives before its deposit is kept as a dead
/// letter, and can be replayed after it
#[test]
fn a_revocation_before_its_deposit_is_kept_and_not_stored() {
    let mut desk = Desk::new("2026-01-10");
    let revocation = Action::Revoke(Revoke {
        target: RevokeTarget::Payment {
            purchase_id: "pi_1".to_owned(),
            purchase_line: None,
        },
        extent: RevokeExtent::All,
    });
    assert!(desk.is_kept("u", "re_1", revocation.clone()));
    assert!(desk.is_kept("u", "re_2", revoke("pi_1", RevokeExtent::All)));
    desk.order("pi_1", purchase(lite(), None));
    assert_eq!(desk.order("re_1", revocation).amount, -110);
}

#[test]
fn a_reinstated_deposit_has_nothing_left_of_rounding() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("g", promotion(10));
    let quarter = RevokeExtent::Share(250_000);
    for nth in 1..=3 {
        let reference = format!("v{nth}");
        assert_eq!(desk.order(&reference, revoke("g", quarter)).amount, -2);
        desk.order(&format!("w{nth}"), reinstate(&reference));
    }
}

#[test]
fn a_revocation_names_deposits_of_its_user_only() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), None));
    desk.order("c", consume(5));
    assert!(desk.is_kept("v", "a", revoke("pi_1", RevokeExtent::All)));
    assert!(desk.is_kept("u", "b", revoke("c", RevokeExtent::All)));
}

/// The references of senders are their own, so two of them may have used the same one.
#[test]
fn a_sender_names_its_own_deposit_or_the_only_one() {
    let mut desk = Desk::new("2026-01-10");
    desk.rules.references = References::PerSender;
    let send = |desk: &mut Desk, sender: &str, reference: &str, action: Action| {
        let mut command = desk.command(None, action);
        command.origin = Origin::Funding;
        command.sender = Some(sender.to_owned());
        command.reference_id = reference.to_owned();
        settled(desk.decide(&command))
    };
    let is_kept = |desk: &mut Desk, reference: &str, action: Action| {
        let mut command = desk.command(None, action);
        command.sender = Some("support".to_owned());
        command.reference_id = reference.to_owned();
        matches!(desk.decide(&command), Decision::Unapplied(_))
    };
    send(&mut desk, "shop", "g", promotion(10));
    let all = || revoke("g", RevokeExtent::Amount(1));
    assert_eq!(send(&mut desk, "support", "a", all()).amount, -1);
    send(&mut desk, "partner", "g", promotion(20));
    assert!(is_kept(&mut desk, "b", all()));
    assert_eq!(send(&mut desk, "partner", "c", all()).amount, -1);
    for (sender, payment) in [("shop", "pi_1"), ("partner", "pi_2")] {
        let mut order = purchase(lite(), None);
        if let Action::Purchase(purchase) = &mut order {
            payment.clone_into(&mut purchase.purchase_id);
        }
        send(&mut desk, sender, "order", order);
    }
    let bonus = || revoke("bonus:order", RevokeExtent::Amount(2));
    assert_eq!(send(&mut desk, "shop", "d", bonus()).amount, -2);
    assert!(is_kept(&mut desk, "d", bonus()));
    let left = |of| {
        desk.book
            .postings()
            .iter()
            .filter(move |one| one.amount == of)
    };
    assert_eq!(left(-1).count(), 2);
}

#[test]
fn a_late_revocation_takes_what_had_not_expired_then() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, Some(10)), None));
    desk.now = at("2026-01-20") + TimeDelta::hours(1);
    let before = desk.now - TimeDelta::hours(2);
    let late = desk.order_at(Some(before), "a", revoke("pi_1", RevokeExtent::Amount(40)));
    assert_eq!(parts(&late), (40, 40, 0));
    let now = desk.order("b", revoke("pi_1", RevokeExtent::Amount(40)));
    assert_eq!(parts(&now), (40, 0, 0));
}

#[test]
fn the_largest_amounts_are_exact() {
    let mut desk = Desk::new("2026-01-10");
    let most = 1_000_000_000_000_000;
    let price = 1_000_000_000_000_000_000;
    desk.order("pi_1", purchase(credits(most, None), Some(price)));
    let third = RevokeExtent::AmountRefunded(price / 3);
    let first = desk.order("a", revoke("pi_1", third));
    assert_eq!(parts(&first).0, most / 3);
    let nearly = RevokeExtent::AmountRefunded(price - 1);
    let second = desk.order("b", revoke("pi_1", nearly));
    assert_eq!(parts(&second).0, most - 1 - most / 3);
    let all = desk.order("c", revoke("pi_1", RevokeExtent::AmountRefunded(price)));
    assert_eq!((parts(&all).0, desk.balance()), (1, 0));
    let mut cheap = purchase(credits(most, None), Some(1));
    if let Action::Purchase(purchase) = &mut cheap {
        purchase.purchase_id = "pi_2".to_owned();
    }
    desk.order("pi_2", cheap);
    let beyond = desk.order("d", revoke("pi_2", RevokeExtent::AmountRefunded(price)));
    assert_eq!((parts(&beyond).0, desk.balance()), (most, 0));
}

#[test]
fn a_reference_names_the_deposit_of_its_own_origin_before_a_derived_one() {
    let mut desk = Desk::new("2026-01-10");
    // The bonus of the purchase has the reference `bonus:pi_1`, and so has a promotion.
    desk.order("pi_1", purchase(lite(), None));
    desk.order("bonus:pi_1", promotion(7));
    let revoked = desk.order("r", revoke("bonus:pi_1", RevokeExtent::All));
    assert_eq!(parts(&revoked), (7, 7, 0));
}
