//! Two stores on overlapping wallets, led through named interleavings of their statements.
//!
//! One store is stopped at a statement, the other is let go until it waits, or ends; then the first goes on. Nothing
//! sleeps: [`stage`] asks the server who waits for whom and in which statement. In the end everything that was booked is
//! compared with what the interleaving says must be, and with the wallets; versions went up one by one; and the book
//! balances.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod interleavings {
    pub mod batches;
    pub mod beside;
    pub mod broken;
    pub mod claims;
    pub mod ending;
    pub mod file;
    pub mod once;
    pub mod payments;
    pub mod quick;
    pub mod reading;
    pub mod references;
    pub mod session;
    pub mod stage;
    pub mod wallets;
}

use interleavings::{
    batches, beside, broken, claims, file, once, payments, quick, reading, references, stage::Stage, wallets,
};
use tests::{db::TestDatabase, ledger::TestLedger};

/// Each interleaving with the reason why it is dangerous, on PostgreSQL.
macro_rules! on_servers {
    ($($module:ident :: $name:ident: $why:literal),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            println!("{}: {}", stringify!($name), $why);
            let mut stage = Stage::new().await;
            let expected = $module::$name(&mut stage).await;
            stage.check(expected).await;
        })+
    };
}

/// The same on one SQLite file.
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
        "no lock of a wallet stands between them: only the unique index keeps the second from booking it again",
    references::one_reference_for_two_wallets_and_the_first_rolls_back:
        "the second waits for a reference that is never taken, and must not answer with what never happened",
    references::one_reference_for_one_wallet:
        "a lookup before the lock would not see what the first is about to commit",
    references::two_references_in_opposite_order:
        "each would hold in the unique index what the other wants to enter",

    payments::one_payment_for_two_wallets_and_the_first_commits:
        "neither a wallet nor a reference stands between them: only the unique index keeps the second from crediting it again",
    payments::one_payment_for_two_wallets_and_the_first_rolls_back:
        "the second waits for a payment that is never credited, and must not be refused for it",
    payments::one_payment_quickly_for_two_wallets:
        "nobody has looked whether the payment was credited",
    payments::one_payment_quickly_and_carefully:
        "the same, and the first looked before the second began",

    wallets::two_wallets_in_opposite_order:
        "each would hold the wallet that the other wants",
    wallets::both_open_one_wallet:
        "neither sees the other's new row, so there is nothing to lock yet",
    wallets::one_opens_a_wallet_that_the_other_drops:
        "the second must not take a row for the wallet that is gone a moment later",
    wallets::one_opens_a_wallet_that_the_other_spends_from:
        "the second sees no wallet while the first has one open",
    wallets::a_wallet_changes_under_its_lock:
        "a write past the lock would be overwritten, were it not for the version",

    batches::batches_that_were_spent_from_meanwhile:
        "one statement that locks the wallet and reads its batches sees them as they were before it waited",
    batches::more_batches_than_are_read_at_first:
        "the same for the second look, behind those that are read at first",
    batches::a_sweep_waits_for_a_late_consumption:
        "by two clocks the same batch is spendable and due to be swept: it would be taken twice",
    batches::a_late_consumption_waits_for_a_sweep:
        "the same the other way round: what is swept must not be spent",
    batches::two_sweeps_of_one_wallet:
        "a sweep has no reference of its own that would be known the second time",

    once::two_doors_bring_one_registration:
        "the two references differ by their door, so the unique reference does not help",
    once::a_registration_past_the_wallets_lock:
        "a bonus that is written without the lock is seen by nobody before the partial unique index",
    once::an_event_waits_for_the_jobs_grant:
        "both find the same period due",
    once::the_jobs_grant_waits_for_an_event:
        "the same the other way round: the job must find its grant done, not refused",
    once::two_users_with_one_subscription:
        "two wallets, two references, two locks, and one row",

    broken::the_session_dies_before_its_commit:
        "everything is written and nothing is committed; somebody else's group goes first",
    broken::the_session_dies_in_its_commit:
        "the worker cannot tell this from a commit of which the answer was lost",
    broken::the_answer_to_a_commit_is_lost:
        "the worker tries again while its own first try, of which it knows nothing any more, is still committing",
    broken::the_database_gives_up_in_the_middle:
        "an error between two writes, while another group waits for the same wallet, must leave nothing behind",
    broken::a_statement_takes_too_long_in_the_middle:
        "the session lives on with half a group in it",

    quick::a_kept_wallet_was_written_by_the_other:
        "what is kept says one thing and the row another",
    quick::both_write_a_kept_wallet:
        "both decide on the same credits before either has written",
    quick::both_write_a_kept_wallet_in_larger_groups:
        "the same by the statement for any group",
    quick::a_refusal_from_a_kept_wallet_that_was_filled_since:
        "a refusal changes no wallet, so no version stands in its way, and it is kept for ever",
    quick::a_refusal_while_the_wallet_is_being_filled:
        "the same while the purchase is not committed yet",
    quick::a_refusal_that_came_before_the_wallet_is_filled:
        "what was looked at must stay so until the refusal is committed",
    quick::a_refusal_for_one_wallet_beside_a_change_of_another:
        "what changes and what is only looked at would be locked one after the other, each in its own order",
    quick::a_wallet_is_written_while_it_waits_to_be_read:
        "a wallet as it was with batches as they are promises credits that nobody has",
    quick::one_reference_quickly_for_a_kept_wallet:
        "nobody has looked whether the reference is known",
    quick::one_reference_quickly_in_larger_groups:
        "the same by the statement for any group",
    quick::one_reference_quickly_for_two_wallets:
        "the same, and no wallet stands between them",
    quick::a_careful_writer_waits_for_a_quick_one:
        "one holds a wallet and wants references, the other must not hold references and want the wallet",
    quick::a_quick_writer_waits_for_a_careful_one:
        "the same the other way round",
    quick::the_session_dies_with_a_quick_group:
        "a store must not keep what was rolled back",
    quick::the_session_dies_with_a_larger_quick_group:
        "the same by the statement for any group",
    quick::the_session_dies_in_a_quick_commit:
        "the whole statement is done, and its commit, which nobody asked for by name, is not",
    quick::the_answer_to_a_quick_commit_is_lost:
        "the store knows neither whether its group is booked nor what the wallet is now",

    beside::a_writer_waits_for_a_rehearsal:
        "a rehearsal writes everything before it is rolled back: a writer that believed it would book nothing",
    beside::a_rehearsal_waits_for_a_writer:
        "a rehearsal holds locks and rows like a writer, and must leave none of them",
    beside::a_newer_program_changes_the_schema:
        "statements were prepared for the tables as they were, and a group stands in the middle of them",

    reading::a_grant_commits_while_a_balance_is_read:
        "the wallet is read before the grant and the subscription after it, so the grant is in neither",

    claims::two_claim_a_run:
        "both find no run of that day",
    claims::two_claim_a_run_and_neither_sees_the_others_row:
        "a row has two unique keys, and only for one of them a conflict is no error",
    claims::two_take_over_an_abandoned_run:
        "both find a lease that is over",
    claims::a_run_is_taken_over_before_its_claimer_has_looked:
        "what was claimed and what is read back are two statements",
    claims::a_run_is_claimed_anew_by_its_claimer_before_he_has_looked:
        "the owner is the same, so only the number of the claim tells that this one was lost",
    claims::a_renewal_waits_for_a_takeover:
        "its lease was its own when the statement began",
}

on_a_file! {
    file::a_writer_finds_the_file_taken:
        "it knows nothing of the group that is being written, and must not be told that its command is to blame",
    file::a_file_is_opened_while_another_makes_it:
        "until the file has its write-ahead log SQLite says at once that it is locked, whatever the busy timeout",
    file::a_reader_looks_while_a_group_is_written:
        "between two statements of a group wallet and batches do not agree",
    file::a_worker_is_taken_over_in_the_middle_of_a_group:
        "by the other's clock the lease is over while its holder is still writing",
    file::a_worker_comes_to_a_group_without_its_lease:
        "it has been taken over and does not know it",
}
