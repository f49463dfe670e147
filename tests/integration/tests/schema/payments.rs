//! A ledger in which a payment was credited more than once, with the marks that the index over
//! payments leaves out.

use ledger::{Action, Refusal, Status};
use scrip::verify::{Options, verify};
use sea_orm::ConnectionTrait;
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, buy_credits},
};

/// A ledger in which `pi_9` was credited under three references to two users. The later two are
/// marked.
async fn credited_thrice(database: TestDatabase) -> TestLedger {
    let ledger = TestLedger::on(database).await;
    for (reference, user) in [
        ("evt_1", "ada"),
        ("evt_2", "bob"),
        ("evt_3", "ada"),
        ("evt_4", "ada"),
    ] {
        ledger.one(buy_credits(reference, user, 110)).await;
    }
    let same = "UPDATE credits_transaction
        SET purchase_id = 'pi_9', debit_account = 'PAYMENT:pi_9',
            duplicate_of = CASE WHEN reference_id <> 'evt_1'
              THEN (SELECT id FROM credits_transaction WHERE reference_id = 'evt_1') END
        WHERE reference_id <> 'evt_4'";
    ledger.database.execute(same).await;
    ledger
}

/// Conformance: Commands: Payments that older versions credited more than once are listed by
/// `verify` and not credited again
#[tokio::test]
async fn payments_that_were_credited_twice_are_listed_by_verify_and_not_credited_again() {
    for database in TestDatabase::each().await {
        let ledger = credited_thrice(database).await;
        let db = ledger.database.connection();

        let report = verify(db, &Options::default(), ledger.now, |_| {}).await;
        let violations = report.expect("a report").violations;
        let mut messages: Vec<_> = violations
            .iter()
            .map(|one| (one.rule, one.message.as_str()))
            .collect();
        messages.sort_unstable();
        let rule = "transaction.payment_credited_once";
        let first = "which was credited before by reference evt_1 of user ada";
        let expected = ["evt_2", "evt_3"]
            .map(|reference| format!("it credits payment pi_9 by reference {reference}, {first}"));
        assert_eq!(
            messages,
            [(rule, expected[0].as_str()), (rule, expected[1].as_str())]
        );

        let third = ledger.one(buy_credits("evt_1", "ada", 110)).await;
        assert!(third.replayed, "an applied command is known");
        let mut again = buy_credits("evt_5", "cy", 110);
        if let Action::Purchase(purchase) = &mut again.action {
            "pi_9".clone_into(&mut purchase.purchase_id);
        }
        let refused = ledger.one(again).await.refused.expect("a refusal");
        assert_eq!(refused.code, Refusal::DuplicatePayment);
        assert_eq!(refused.first.expect("the first").reference_id, "evt_1");
        let other = ledger.one(buy_credits("evt_6", "cy", 110)).await;
        assert_eq!(other.status(), Status::Completed);
    }
}

/// Conformance: Commands: Payments that older versions credited more than once are listed by
/// `verify` and not credited again
#[tokio::test]
async fn the_database_refuses_a_second_credit_by_an_older_worker() {
    for database in TestDatabase::each().await {
        let ledger = credited_thrice(database).await;
        let db = ledger.database.connection();
        // The older worker does not write these columns.
        let again = "INSERT INTO credits_transaction (id, user_id, type, amount, debit_account,
          credit_account, origin,
              reference_id, fingerprint, status, balance_after, purchase_id, occurred_at,
                created_at)
            SELECT new_id, user_id, type, amount, debit_account, credit_account, origin, 'evt_5',
              fingerprint, status,
              balance_after, purchase_id, occurred_at, created_at
            FROM (SELECT *, {id} AS new_id FROM credits_transaction
              WHERE reference_id = 'evt_4') t";
        let id = if ledger.is_optimistic() {
            "gen_random_uuid()"
        } else {
            "randomblob(16)"
        };
        let error = db.execute_unprepared(&again.replace("{id}", id)).await;
        let error = error.expect_err("a duplicate payment").to_string();
        assert!(error.contains("credits_transaction_payment_key"), "{error}");
    }
}
