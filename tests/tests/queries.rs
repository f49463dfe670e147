//! The queries of the contract, asked through the queue: of a worker between RabbitMQ and PostgreSQL, and of the
//! embedded worker on its file.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "queries/balance.rs"]
mod balance;
#[path = "queries/batches.rs"]
mod batches;
#[path = "queries/purchases.rs"]
mod purchases;
#[path = "queries/rejected.rs"]
mod rejected;
#[path = "queries/shop.rs"]
mod shop;
#[path = "queries/stage.rs"]
mod stage;
#[path = "queries/transactions.rs"]
mod transactions;
#[path = "queries/unanswered.rs"]
mod unanswered;

/// Runs each scenario over both queues.
macro_rules! over_each_queue {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod broker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::stage::On::Broker).await;
            })+
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::stage::On::File).await;
            })+
        }
    };
}

over_each_queue! {
    balance::a_balance_names_what_lapses_next_and_the_next_grant_of_the_paid_plan,
    balance::a_balance_is_worded_as_the_contract_says_and_names_the_grant_of_the_free_plan,
    balance::a_balance_counts_a_period_that_is_due_as_granted,
    balance::a_balance_leaves_out_what_lapsed_and_follows_each_change,
    balance::an_id_from_before_the_rule_for_new_ones_can_be_asked_for,
    balance::who_has_no_wallet_has_no_balance_no_batches_and_no_history,
    batches::open_batches_come_in_the_order_of_spending_and_closed_ones_when_asked_for,
    batches::a_wallet_that_never_held_anything_has_no_batches,
    transactions::pages_by_number_tell_how_many_there_are_and_end_with_the_oldest,
    transactions::a_history_holds_refusals_and_the_batches_that_each_transaction_moved,
    transactions::a_cursor_leads_to_the_oldest_through_each_row_once_while_new_ones_arrive,
    transactions::a_cursor_leads_nobody_into_the_history_of_another,
    transactions::a_cursor_that_no_page_gave_is_invalid,
    transactions::a_long_history_is_counted_to_ten_thousand_and_read_to_its_end_by_cursor,
    shop::a_price_is_the_services_own_or_the_default_and_says_which,
    shop::a_price_that_is_no_amount_is_invalid,
    shop::a_service_without_a_price_is_unknown_where_such_services_are_rejected,
    shop::what_is_for_sale_is_listed_with_the_smallest_first,
    purchases::who_may_buy_is_told_so_with_the_package_he_asked_for,
    purchases::a_package_that_is_unknown_or_not_for_sale_cannot_be_bought,
    purchases::where_a_paid_plan_is_required_only_who_has_one_may_buy,
    purchases::nothing_can_be_bought_while_credits_are_disabled,
    purchases::a_purchase_over_the_cap_is_allowed_and_said_to_be_so,
    purchases::a_period_that_is_due_counts_towards_the_cap,
    rejected::what_cannot_be_understood_is_rejected_with_the_field_to_blame_and_not_kept,
    rejected::the_client_rejects_it_before_it_sends,
    rejected::what_is_just_within_the_limits_is_answered,
    unanswered::a_client_gives_up_at_its_own_deadline_and_its_next_question_is_answered,
    unanswered::a_ledger_that_cannot_be_read_is_unavailable_until_it_can,
}
