//! The queries of the contract through both queues: to a worker between RabbitMQ and PostgreSQL,
//! and to the embedded worker on its file.

mod balance;
mod batches;
pub mod fixture;
mod purchases;
mod rejected;
mod shop;
mod transactions;
mod unanswered;

/// Runs each scenario over both queues.
macro_rules! over_each_queue {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod broker {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::fixture::On::Broker).await;
            })+
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(super::fixture::On::File).await;
            })+
        }
    };
}

over_each_queue! {
    balance::a_balance_names_the_next_expiry_and_the_next_grant_of_the_paid_plan,
    balance::a_balance_has_the_format_of_the_contract_and_names_the_free_plans_grant,
    balance::a_balance_counts_a_period_that_is_due_as_granted,
    balance::a_balance_excludes_expired_credits_and_follows_each_change,
    balance::an_id_from_before_the_rule_for_ids_can_be_queried,
    balance::a_user_without_a_wallet_has_no_balance_no_batches_and_no_history,
    batches::open_batches_are_in_the_order_of_spending_and_closed_ones_are_optional,
    batches::a_wallet_that_never_had_credits_has_no_batches,
    transactions::pages_by_number_have_the_total_and_end_with_the_oldest,
    transactions::a_history_has_refusals_and_the_batches_of_each_transaction,
    transactions::a_cursor_visits_each_row_once_while_new_rows_arrive,
    transactions::a_cursor_does_not_show_the_history_of_another_user,
    transactions::a_cursor_that_is_not_from_a_page_is_invalid,
    transactions::a_long_history_is_counted_to_ten_thousand_and_read_to_the_end_by_cursor,
    shop::a_price_is_the_services_own_or_the_default_and_names_which,
    shop::a_price_above_the_maximum_amount_is_invalid,
    shop::a_service_without_a_price_is_unknown_if_there_is_no_default,
    shop::packages_are_listed_with_the_smallest_first,
    purchases::a_user_who_may_purchase_gets_the_requested_package,
    purchases::a_package_that_is_unknown_or_not_for_sale_cannot_be_bought,
    purchases::only_users_with_a_paid_plan_may_purchase_if_it_is_required,
    purchases::nothing_can_be_bought_while_credits_are_disabled,
    purchases::a_purchase_over_the_cap_is_allowed_and_flagged,
    purchases::a_period_that_is_due_counts_towards_the_cap,
    rejected::an_invalid_query_is_rejected_with_its_field_and_not_dead_lettered,
    rejected::the_client_rejects_an_invalid_query_before_it_sends,
    rejected::a_query_at_the_limits_is_answered,
    unanswered::a_client_stops_waiting_at_its_deadline_and_its_next_query_is_answered,
    unanswered::an_unreadable_ledger_is_unavailable_until_it_can_be_read,
}
