//! Revocations and debt, by the rules and the example of docs/concepts/debt.md.

mod policies;
mod reinstated;
mod revoked;
mod rows;

use chrono::{DateTime, Utc};
use ledger::{
    Action, Batch, Command, DebtEffect, Decision, Forgive, Item, Origin, Outcome, Promotion,
    Purchase, Refund, Refusal, Reinstate, Revoke, RevokeExtent, RevokeTarget, TransactionType,
};

use crate::desk::{Desk, consume, settled};

fn promotion(amount: i64) -> Action {
    Action::Promotion(Promotion {
        amount,
        validity_days: None,
    })
}

/// A purchase under the payment's id.
fn purchase(item: Item, paid_micros: Option<i64>) -> Action {
    Action::Purchase(Purchase {
        quantity: None,
        item,
        purchase_id: "pi_1".to_owned(),
        purchase_line: None,
        paid_micros,
        currency: paid_micros.map(|_| "USD".to_owned()),
    })
}

fn credits(credits: i64, validity_days: Option<i64>) -> Item {
    Item::Credits {
        credits,
        validity_days,
    }
}

fn lite() -> Item {
    Item::Package("lite".to_owned())
}

fn revoke(of: &str, extent: RevokeExtent) -> Action {
    Action::Revoke(Revoke {
        target: RevokeTarget::Reference(of.to_owned()),
        extent,
    })
}

fn reinstate(of: &str) -> Action {
    Action::Reinstate(Reinstate { of: of.to_owned() })
}

fn forgive(amount: Option<i64>) -> Action {
    Action::Forgive(Forgive {
        amount,
        reason: "ticket 4711".to_owned(),
        actor: "ops:maria".to_owned(),
    })
}

/// The share of a price of 10.00, in millionths of the currency's unit.
const fn refunded(cents: i64) -> RevokeExtent {
    RevokeExtent::AmountRefunded(cents * 10_000)
}

impl Desk {
    /// Sends a command under a reference.
    fn order(&mut self, reference: &str, action: Action) -> Outcome {
        self.order_at(None, reference, action)
    }

    fn order_at(
        &mut self,
        occurred_at: Option<DateTime<Utc>>,
        reference: &str,
        action: Action,
    ) -> Outcome {
        let command = Command {
            reference_id: reference.to_owned(),
            ..self.command(occurred_at, action)
        };
        settled(self.decide(&command))
    }

    /// Whether a command is kept because its deposit is unknown. Nothing is stored then.
    fn is_kept(&mut self, user: &str, reference: &str, action: Action) -> bool {
        let posted = self.book.postings().len();
        let command = Command {
            reference_id: reference.to_owned(),
            user_id: user.to_owned(),
            ..self.command(None, action)
        };
        let decision = self.decide(&command);
        assert_eq!(self.book.postings().len(), posted, "{decision:?}");
        matches!(decision, Decision::Unapplied(refused) if refused.code == Refusal::OriginalNotFound)
    }

    /// Sends a refund like an app.
    fn give_back(&mut self, reference: &str, of: &str, amount: Option<i64>) -> Outcome {
        let action = Action::Refund(Refund {
            of: of.to_owned(),
            amount,
        });
        let command = Command {
            origin: Origin::Usage,
            reference_id: reference.to_owned(),
            ..self.command(None, action)
        };
        settled(self.decide(&command))
    }

    fn debt(&self) -> i64 {
        self.book.wallet("u").map_or(0, |wallet| wallet.debt)
    }

    fn batch(&self, kind: TransactionType) -> &Batch {
        let mut postings = self.book.postings().iter();
        let posting = postings.rfind(|posting| posting.kind == kind && posting.amount > 0);
        let id = posting.expect("a posting").id;
        let batches = self.book.wallet("u").expect("a wallet").batches();
        let mut own = batches.iter().filter(|batch| batch.transaction_id == id);
        own.next().expect("a batch")
    }
}

/// What an outcome says about debt.
fn effect(outcome: &Outcome) -> DebtEffect {
    outcome.debt.as_deref().copied().unwrap_or_default()
}

/// The credits that a revocation revoked and took, and those that became debt.
fn parts(outcome: &Outcome) -> (i64, i64, i64) {
    let effect = effect(outcome);
    let number = |credits: Option<i64>| credits.expect("a revocation");
    (
        number(effect.revoked),
        number(effect.taken),
        number(effect.indebted),
    )
}

/// Conformance: Revocations and debt: The example of the documentation has the documented outcomes
#[test]
fn the_example_of_the_documentation_has_the_documented_outcomes() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), Some(10_000_000)));
    desk.order("c", consume(80));

    let first = desk.order("re_1", revoke("pi_1", refunded(250)));
    assert_eq!((first.amount, parts(&first)), (-25, (27, 25, 2)));
    assert_eq!((desk.balance(), effect(&first).debt), (5, Some(2)));
    let second = desk.order("re_2", revoke("pi_1", refunded(500)));
    assert_eq!((second.amount, parts(&second)), (-5, (28, 5, 23)));
    assert_eq!((desk.balance(), effect(&second).debt), (0, Some(25)));

    let returned = desk.give_back("c:refund", "c", Some(10));
    assert_eq!((returned.amount, effect(&returned).repaid), (0, Some(10)));
    assert_eq!((desk.balance(), desk.debt()), (0, 15));
    let gift = desk.order("g", promotion(8));
    assert_eq!((gift.amount, effect(&gift).repaid), (0, Some(8)));
    assert_eq!((desk.balance(), desk.debt()), (0, 7));

    let dispute = desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    assert_eq!((dispute.amount, parts(&dispute)), (0, (55, 0, 55)));
    assert_eq!((desk.balance(), desk.debt()), (0, 62));
    let mut more = purchase(credits(40, None), None);
    if let Action::Purchase(purchase) = &mut more {
        purchase.purchase_id = "pi_2".to_owned();
    }
    let bought = desk.order("pi_2", more);
    assert_eq!((bought.amount, effect(&bought).repaid), (0, Some(40)));
    assert_eq!((desk.balance(), desk.debt()), (0, 22));

    let mut lost = desk.book.clone();
    let won = desk.order("dp_1:won", reinstate("dp_1"));
    let won_effect = effect(&won);
    assert_eq!((won.amount, won_effect.restored), (33, Some(33)));
    assert_eq!((won_effect.cancelled, won_effect.debt), (Some(22), Some(0)));
    assert_eq!((desk.balance(), desk.debt()), (33, 0));

    std::mem::swap(&mut desk.book, &mut lost);
    let forgiven = desk.order("fg", forgive(None));
    let written_off = effect(&forgiven);
    assert_eq!((forgiven.amount, written_off.forgiven), (0, Some(22)));
    assert_eq!((desk.balance(), desk.debt()), (0, 0));
}

/// Conformance: Revocations and debt: `total_earned` falls by revocations and repayments, and rises
/// by reinstatements
#[test]
fn the_balance_is_what_was_earned_and_not_spent() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(credits(100, None), None));
    desk.order("c", consume(70));
    let totals = |desk: &Desk| {
        let wallet = desk.book.wallet("u").expect("a wallet");
        (wallet.total_earned, wallet.total_spent, wallet.balance)
    };
    desk.order("dp_1", revoke("pi_1", RevokeExtent::All));
    assert_eq!(totals(&desk), (70, 70, 0));
    desk.order("g", promotion(90));
    assert_eq!(totals(&desk), (90, 70, 20), "70 of 90 repaid the debt");
    desk.order("won", reinstate("dp_1"));
    assert_eq!(totals(&desk), (190, 70, 120), "30 were taken, 70 repaid");
}

#[test]
fn a_replay_repeats_what_was_revoked_repaid_and_owed() {
    let mut desk = Desk::new("2026-01-10");
    desk.order("pi_1", purchase(lite(), Some(10_000_000)));
    desk.order("c", consume(80));
    let commands = [
        ("re_1", revoke("pi_1", refunded(500))),
        ("g", promotion(8)),
        ("won", reinstate("re_1")),
        ("fg", forgive(None)),
    ];
    for (reference, action) in commands {
        let first = desk.order(reference, action.clone());
        desk.order(&format!("{reference}:after"), promotion(1));
        let again = desk.order(reference, action);
        assert!(again.replayed);
        assert_eq!(again.amount, first.amount);
        assert_eq!(effect(&again), effect(&first));
        assert_eq!(again.transactions, first.transactions);
    }
}
