//! Named interleavings of the statements of two stores on overlapping wallets.
//!
//! One store is stopped at a statement, and the other one runs until it waits or ends. Then the
//! first one continues. No test sleeps: [`fixture`] queries the server for the statement in which a
//! session waits and for the session that blocks it. At the end the booked rows are compared with
//! the expected ones and with the wallets. Each version must have increased by one, and every
//! invariant must hold.

mod batches;
mod beside;
mod broken;
mod claims;
mod ending;
mod file;
mod fixture;
mod once;
mod optimistic;
mod payments;
mod reading;
mod references;
mod session;
mod wallets;

use testkit::{db::TestDatabase, ledger::TestLedger};

use fixture::Fixture;

/// Tests of interleavings on PostgreSQL, each with the reason for which it is dangerous.
macro_rules! on_servers {
    ($($module:ident :: $name:ident: $why:literal),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            println!("{}: {}", stringify!($name), $why);
            let mut fixture = Fixture::new().await;
            let expected = $module::$name(&mut fixture).await;
            fixture.check(expected).await;
        })+
    };
}

/// Tests of interleavings on an SQLite file, each with the reason for which it is dangerous.
macro_rules! on_a_file {
    ($($module:ident :: $name:ident: $why:literal),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            println!("{}: {}", stringify!($name), $why);
            $module::$name(TestLedger::on(TestDatabase::sqlite().await).await).await;
        })+
    };
}

on_servers! {
    references::one_reference_for_two_wallets_and_the_first_commits:
        "they share no wallet lock, so only the unique index prevents a second booking",
    references::one_reference_for_two_wallets_and_the_first_rolls_back:
        "the second waits for a reference that is never used, and must not return its outcome",
    references::one_reference_for_one_wallet:
        "a lookup before the lock would not see the commit of the first",
    references::two_references_in_opposite_order:
        "each would hold an index entry that the other wants to insert",

    payments::one_payment_for_two_wallets_and_the_first_commits:
        "they share no wallet and no reference, so only the unique index prevents a second credit",
    payments::one_payment_for_two_wallets_and_the_first_rolls_back:
        "the second waits for a payment that is never credited, and must not be refused for it",
    payments::one_payment_on_the_optimistic_path_for_two_wallets:
        "no store has checked whether the payment was credited",
    payments::one_payment_on_both_commit_paths:
        "the first has checked for the payment before the second began",

    wallets::two_wallets_in_opposite_order:
        "each would hold the wallet that the other wants",
    wallets::both_open_one_wallet:
        "neither sees the other's new row, so there is no row to lock yet",
    wallets::one_writer_opens_a_wallet_that_the_other_drops:
        "the second must not use a row that is deleted a moment later",
    wallets::one_writer_opens_a_wallet_that_the_other_spends_from:
        "the second sees no wallet while the first is opening it",
    wallets::a_wallet_changes_under_its_lock:
        "without the version a write without the lock would be overwritten",

    batches::batches_that_were_spent_in_the_meantime:
        "a statement that locks a wallet and reads its batches sees the batches before its wait",
    batches::more_batches_than_the_first_read_returns:
        "the second read of batches must not see the batches from before the wait either",
    batches::an_expiry_waits_for_a_late_consumption:
        "by two clocks the same batch is spendable and expired, so it could be taken twice",
    batches::a_late_consumption_waits_for_an_expiry:
        "in the other order expired credits must not be spent",
    batches::two_expiries_of_one_wallet:
        "an expiry has no reference that would identify the second one as a duplicate",

    once::one_registration_through_two_origins:
        "the two references differ in their origin, so the unique reference does not help",
    once::a_registration_without_the_wallets_lock:
        "only the partial unique index detects a bonus that is written without the lock",
    once::an_event_waits_for_the_jobs_grant:
        "both find the same period due",
    once::the_jobs_grant_waits_for_an_event:
        "in the other order the job must find its grant done, not refused",
    once::two_users_with_one_subscription:
        "two wallets, two references and two locks write one row",

    broken::the_session_ends_before_its_commit:
        "everything is written and nothing is committed, and another store's group comes first",
    broken::the_session_ends_in_its_commit:
        "the worker cannot distinguish this from a commit whose response is lost",
    broken::the_response_to_a_commit_is_lost:
        "the worker retries while its first attempt is still committing on a lost connection",
    broken::the_database_returns_an_error_in_the_middle:
        "an error between two writes, while another group waits for the wallet, has no effect",
    broken::a_statement_takes_too_long_in_the_middle:
        "the session continues with half of a group written",

    optimistic::a_cached_wallet_was_written_by_the_other_store:
        "the cached wallet and the row differ",
    optimistic::both_stores_write_a_cached_wallet:
        "both decide on the same credits before either has written",
    optimistic::both_stores_write_a_cached_wallet_in_larger_groups:
        "the same with the statement for any group",
    optimistic::a_refusal_from_a_cached_wallet_that_has_got_credits_since:
        "a refusal changes no wallet, so no version check stops it, and it is stored permanently",
    optimistic::a_refusal_while_the_wallet_gets_credits:
        "the purchase is not committed yet when the refusal is decided",
    optimistic::a_refusal_before_the_wallet_gets_credits:
        "the wallet must not change until the refusal is committed",
    optimistic::a_refusal_for_one_wallet_and_a_change_of_another:
        "changed wallets and checked wallets would be locked separately, each in its own order",
    optimistic::a_wallet_is_written_while_it_waits_to_be_read:
        "an old wallet with new batches would show credits that do not exist",
    optimistic::one_reference_on_the_optimistic_path_for_a_cached_wallet:
        "no store has checked whether the reference is known",
    optimistic::one_reference_on_the_optimistic_path_in_larger_groups:
        "the same with the statement for any group",
    optimistic::one_reference_on_the_optimistic_path_for_two_wallets:
        "no store has checked for the reference, and they share no wallet",
    optimistic::a_pessimistic_writer_waits_for_an_optimistic_one:
        "one holds a wallet and wants references; the other must not do it in the opposite order",
    optimistic::an_optimistic_writer_waits_for_a_pessimistic_one:
        "in the other order there must be no deadlock either",
    optimistic::the_session_ends_with_an_optimistic_group:
        "a store must not cache a rolled-back wallet",
    optimistic::the_session_ends_with_a_larger_optimistic_group:
        "the same with the statement for any group",
    optimistic::the_session_ends_in_an_optimistic_commit:
        "the statement is done, but its implicit commit is not",
    optimistic::the_response_to_an_optimistic_commit_is_lost:
        "the store knows neither whether its group is booked nor the state of the wallet",

    beside::a_writer_waits_for_a_dry_run:
        "a dry run writes all rows and rolls back; a writer that relied on them would book nothing",
    beside::a_dry_run_waits_for_a_writer:
        "a dry run holds locks and rows like a writer, and must release all of them",
    beside::a_newer_program_changes_the_schema:
        "statements are prepared for the old tables, and a group is in the middle of them",

    reading::a_grant_commits_while_a_balance_is_read:
        "the wallet is read before the grant and the subscription after it, so both miss the grant",

    claims::two_workers_claim_a_run:
        "both find no run of that day",
    claims::two_workers_claim_a_run_and_neither_sees_the_others_row:
        "a row has two unique keys, and a conflict is acceptable for only one of them",
    claims::two_workers_take_over_an_abandoned_run:
        "both find an expired lease",
    claims::a_run_is_taken_over_before_its_claimer_reads_it_back:
        "the claim and the read are two statements",
    claims::a_run_is_claimed_again_before_its_claimer_reads_it_back:
        "the owner is the same, so only the number of the claim shows that this one was lost",
    claims::a_renewal_waits_for_a_takeover:
        "the lease was still valid when the statement began",
}

on_a_file! {
    file::a_writer_finds_the_file_locked:
        "the writer must not treat the lock of the file as an error of its command",
    file::a_file_is_opened_while_another_connection_creates_it:
        "without a write-ahead log SQLite reports a lock at once and ignores the busy timeout",
    file::a_reader_reads_while_a_group_is_written:
        "between two statements of a group the wallet and its batches differ",
    file::a_worker_is_taken_over_in_the_middle_of_a_group:
        "by the other worker's clock the lease expires while its holder is still writing",
    file::a_worker_reaches_a_group_after_it_has_lost_its_lease:
        "the worker does not know that another one has taken over",
}
