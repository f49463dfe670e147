//! Holds through both queues, with the SDK and a real worker: guards, metered streams, queries.

mod closing;
mod guard;
mod guide;
mod lists;
mod quote;

/// Runs each scenario over both queues.
macro_rules! over_each_queue {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod broker {
            use crate::queries::fixture::On;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(On::Broker).await;
            })+
        }
        mod file {
            use crate::queries::fixture::On;

            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$module::$scenario(On::File).await;
            })+
        }
    };
}

over_each_queue! {
    closing::holds_that_have_ended_are_closed_and_others_stay,
    guard::a_capture_charges_the_usage_and_returns_the_rest,
    guard::an_agent_captures_step_by_step,
    guard::a_guard_that_is_dropped_returns_its_credits,
    guard::support_staff_release_the_hold_of_an_app,
    guard::parallel_holds_never_reserve_more_than_there_is,
    guide::the_answer_of_a_model_is_charged_by_its_tokens,
    guide::an_aborted_answer_is_charged_by_what_was_delivered,
    guide::an_answer_that_fails_is_not_charged,
    guide::a_model_that_cannot_be_called_costs_nothing,
    lists::holds_are_listed_until_they_end_and_all_of_them_on_request,
    lists::a_hold_that_has_ended_counts_as_available_before_it_is_closed,
    quote::a_quote_names_the_cost_and_the_batches_and_reserves_nothing,
    quote::a_quote_has_the_refusal_of_the_command,
    quote::a_quote_counts_periods_that_are_due_and_holds_that_have_ended,
}
