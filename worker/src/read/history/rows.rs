//! Conversion of transactions into the types of the contract.

use entity::credits_transaction;
use producer_sdk::contract::{AllocationItem, TransactionItem};

/// Converts a row with its allocations and the reference of the transaction that it belongs to into
/// the type of the contract.
pub(super) fn item(
    model: credits_transaction::Model,
    allocations: Vec<AllocationItem>,
    related_reference_id: Option<String>,
) -> TransactionItem {
    TransactionItem {
        id: model.id,
        kind: model.kind,
        status: model.status,
        error_code: model.error_code,
        amount: model.amount,
        debt_change: model.debt_change,
        debit_account: model.debit_account,
        credit_account: model.credit_account,
        balance_after: model.balance_after,
        origin: model.origin,
        reference_id: model.reference_id,
        service: model.service,
        quantity: model.quantity,
        purchase_id: model.purchase_id,
        purchase_line: model.purchase_line,
        subscription_id: model.subscription_id,
        period_start: model.period_start,
        related_id: model.related_id,
        related_reference_id,
        description: model.description,
        metadata: model.metadata,
        detail: model.detail,
        occurred_at: model.occurred_at,
        created_at: model.created_at,
        allocations,
    }
}
