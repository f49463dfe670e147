//! The scenarios that every store must pass, run on both databases.
#![allow(clippy::cast_possible_wrap, reason = "the numbers of a test are small")]

mod concurrency;
mod debts;
mod due;
mod holds;
mod idempotency;
mod ledger_rules;
mod payments;
mod refunds;
mod senders;
mod subscriptions;
mod wallet_cache;

use testkit::{db::TestDatabase, ledger::TestLedger};

/// Runs each scenario on both databases.
macro_rules! on_every_store {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::postgres_ledger().await).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::sqlite_ledger().await).await;
            })+
        }
    };
}

async fn postgres_ledger() -> TestLedger {
    TestLedger::on(TestDatabase::postgres().await).await
}

async fn sqlite_ledger() -> TestLedger {
    TestLedger::on(TestDatabase::sqlite().await).await
}

on_every_store! {
    idempotency::a_replay_repeats_the_whole_outcome_and_writes_nothing,
    idempotency::a_reference_with_other_content_conflicts_and_the_first_outcome_stands,
    idempotency::the_same_reference_twice_in_a_group_is_applied_once,
    idempotency::a_reference_belongs_to_its_origin,
    idempotency::a_refusal_by_the_ledgers_state_is_recorded_and_repeated,
    idempotency::a_refusal_by_the_configuration_is_answered_and_not_recorded,
    idempotency::a_group_of_a_thousand_replays_writes_nothing,
    wallet_cache::two_stores_in_turn_decide_like_one_book,
    wallet_cache::a_store_without_other_writers_has_no_conflicts,
    wallet_cache::an_applied_command_is_replayed_under_any_later_configuration,
    wallet_cache::a_wallet_is_spent_in_order_even_if_only_few_of_its_batches_are_cached,
    ledger_rules::credits_that_expire_first_are_spent_first,
    ledger_rules::a_purchase_with_a_bonus_is_two_batches_and_two_transactions,
    ledger_rules::a_purchase_that_cannot_be_applied_writes_nothing,
    ledger_rules::a_late_event_spends_credits_that_have_expired_since,
    ledger_rules::expired_credits_are_taken_once,
    ledger_rules::a_registration_opens_the_wallet_once_and_the_free_subscription,
    ledger_rules::a_free_grant_is_clipped_to_the_cap,
    ledger_rules::a_free_service_is_recorded_and_moves_nothing,
    ledger_rules::outcomes_with_the_default_price_are_marked_also_in_a_replay,
    ledger_rules::a_command_before_the_opening_of_the_wallet_is_refused,
    ledger_rules::a_wallet_of_a_thousand_batches_is_spent_in_order,
    ledger_rules::description_and_metadata_are_stored_as_sent,
    payments::a_payment_under_a_second_reference_is_refused_and_names_the_first,
    payments::a_payment_twice_in_a_group_is_credited_once,
    payments::a_payment_of_several_packages_is_refused_like_others,
    payments::each_line_of_a_payment_is_credited_once,
    payments::a_payment_that_was_credited_to_another_user_leaves_no_wallet,
    payments::two_writers_with_the_same_payments_credit_each_once,
    refunds::a_refund_makes_spent_batches_active_again_and_is_replayed,
    refunds::a_consumption_and_its_refunds_in_one_group_are_exact,
    refunds::credits_of_an_expired_batch_come_back_as_a_new_batch,
    refunds::a_refund_needs_a_consumption_of_the_same_user,
    refunds::refunds_that_race_never_exceed_the_consumption,
    refunds::the_database_counts_refunds_by_itself,
    debts::a_part_of_a_payment_is_revoked_with_its_bonus_and_replayed,
    debts::the_example_of_the_documentation_is_the_same_through_the_database,
    debts::revocations_and_their_debts_in_one_group_are_exact,
    debts::credits_of_expired_batches_are_neither_taken_nor_owed,
    debts::a_won_dispute_returns_what_was_taken_and_repaid,
    debts::new_credits_repay_first_on_every_path,
    debts::a_wallet_in_debt_is_blocked_or_frozen_by_the_configuration,
    debts::a_period_that_is_due_repays_before_the_next_command,
    debts::revocations_that_race_never_exceed_the_deposit,
    debts::a_race_of_reinstatements_returns_the_credits_once,
    debts::a_consumption_after_a_revocation_finds_all_its_batches,
    debts::one_refund_repays_a_debt_from_two_batches,
    senders::the_sender_is_written_with_all_rows_of_its_command,
    senders::references_per_sender_belong_to_each_sender,
    senders::the_scope_of_references_is_set_before_the_first_command,
    subscriptions::an_activation_is_written_with_its_grant_and_replayed_whole,
    subscriptions::a_clipped_grant_of_an_activation_is_replayed_with_the_clipped_amount,
    subscriptions::the_timeline_of_a_subscription_survives_from_group_to_group,
    subscriptions::two_writers_grant_a_period_once,
    subscriptions::a_subscription_belongs_to_one_user_also_within_a_group,
    subscriptions::two_writers_open_the_same_subscription_for_two_users_and_one_wins,
    subscriptions::a_skipped_period_is_recorded_and_a_full_wallet_does_not_block,
    subscriptions::the_free_plan_follows_a_registration_and_is_paused_by_a_paid_plan,
    subscriptions::a_frozen_wallet_stays_frozen_until_it_is_unfrozen,
    holds::a_hold_is_written_with_its_slices_and_replayed,
    holds::a_hold_that_has_expired_reserves_nothing_before_it_is_closed,
    holds::a_capture_that_arrives_late_finds_its_closed_hold,
    holds::a_hold_behind_many_batches_is_captured,
    holds::holds_in_one_group_and_over_groups_are_the_same,
    holds::holds_take_the_optimistic_path,
    holds::a_closed_hold_is_not_taken_for_an_open_one_of_another_origin,
    holds::held_credits_expire_when_they_are_returned,
    holds::four_writers_race_and_nothing_is_captured_twice,
    due::a_command_first_grants_the_due_periods_of_its_user,
    due::every_kind_of_command_grants_due_periods,
    due::a_repeated_past_due_event_grants_nothing,
    due::each_period_is_granted_by_the_plan_in_force_when_it_started,
    due::periods_of_a_disabled_plan_wait_without_holding_back_others,
    due::a_late_registration_is_covered_by_an_existing_paid_plan,
    due::a_period_after_the_end_is_not_granted_in_any_order_of_events,
    due::an_event_that_is_dated_ahead_hides_no_cancellation,
    due::paid_through_is_raised_by_any_event_and_lowered_by_none,
    due::a_command_counts_from_the_time_it_was_received,
    concurrency::a_group_of_a_thousand_on_one_hot_wallet_is_exact,
    concurrency::two_writers_on_overlapping_wallets_lose_and_double_nothing,
    concurrency::a_writer_that_waited_for_a_lock_sees_the_batches_of_the_previous_writer,
    concurrency::two_writers_open_the_same_new_wallets,
    concurrency::two_writers_with_the_same_references_apply_each_once,
}
