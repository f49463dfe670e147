//! Revocations and debts, with every kind of row that they write.

use chrono::TimeDelta;
use ledger::{Action, DebtPolicy, RevokeExtent};
use testkit::ledger::{
    TestLedger, buy_credits, buy_package, consume, expire, forgive, hold, promote, refund,
    reinstate, revoke,
};

/// Adds revocations, reinstatements, debts and what settles them to a ledger.
pub async fn add(ledger: &mut TestLedger) {
    let share = |millionths| RevokeExtent::Share(millionths);
    let mut bought = buy_package("d1", "hal", "lite");
    bought.sender = Some("team-b".to_owned());
    if let Action::Purchase(purchase) = &mut bought.action {
        purchase.paid_micros = Some(9_990_000);
        purchase.currency = Some("USD".to_owned());
    }
    ledger
        .settle(&[
            bought,
            consume("d2", "hal", 30),
            hold("d3", "hal", 7),
            promote("d4", "ian", 20, None),
            consume("d5", "ian", 12),
            buy_credits("d6", "jim", 40),
            consume("d7", "jim", 15),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    // The share leaves a fraction, and a bonus follows its purchase. The rest is partly held.
    ledger
        .settle(&[
            revoke("r1", "hal", "d1", share(333_333)),
            revoke("r2", "ian", "d4", RevokeExtent::All),
            revoke("r3", "jim", "d6", RevokeExtent::Amount(30)),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[revoke("r4", "hal", "d1", RevokeExtent::All)])
        .await;
    ledger.now += TimeDelta::hours(1);
    // What is repaid, forgiven and refunded.
    ledger
        .settle(&[
            promote("d8", "ian", 5, None),
            forgive("f5", "ian", Some(3)),
            refund("d9", "hal", "d2", Some(4)),
            promote("d10", "jim", 2, None),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[
            reinstate("w1", "jim", "r3"),
            reinstate("w2", "hal", "r4"),
            revoke("r5", "jim", "d6", RevokeExtent::Amount(10)),
        ])
        .await;
    ledger.now += TimeDelta::hours(1);
    // Refusals.
    ledger
        .settle(&[
            revoke("r8", "ian", "d4", RevokeExtent::Amount(1)),
            revoke("r9", "ian", "d8", RevokeExtent::AmountRefunded(1_000_000)),
            reinstate("w3", "jim", "r3"),
            reinstate("w4", "jim", "nothing"),
            forgive("f6", "ian", Some(1_000)),
            forgive("f7", "jim", None),
        ])
        .await;
    // A freeze, and a wallet that may not spend.
    ledger.rules.freeze_on_debt = true;
    ledger
        .settle(&[buy_credits("d11", "kim", 9), consume("d12", "kim", 9)])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[revoke("r10", "kim", "d11", RevokeExtent::All)])
        .await;
    ledger.rules.freeze_on_debt = false;
    ledger.rules.debt_policy = DebtPolicy::Block;
    ledger
        .settle(&[consume("d13", "ian", 1), hold("d14", "ian", 1)])
        .await;
    ledger.rules.debt_policy = DebtPolicy::RepayFirst;
    // Credits that have expired are neither taken nor owed, and return to another batch.
    ledger
        .settle(&[promote("d15", "lea", 20, Some(1)), consume("d16", "lea", 5)])
        .await;
    ledger.now += TimeDelta::hours(1);
    ledger
        .settle(&[revoke("r11", "lea", "d15", RevokeExtent::Amount(10))])
        .await;
    ledger.now += TimeDelta::days(3);
    ledger.settle(&[expire("lea", ledger.now)]).await;
    ledger
        .settle(&[
            reinstate("w5", "lea", "r11"),
            revoke("r12", "lea", "d15", RevokeExtent::All),
        ])
        .await;
}
