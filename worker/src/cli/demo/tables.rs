//! The tables at the end of the example: batches, transactions and allocations.

use std::collections::HashMap;

use chrono::Utc;
use producer_sdk::contract::{BatchItem, TransactionItem};

use super::tell::heading;
use crate::{
    cli::{failure::Failure, print::Rows, show},
    read::{self, PageRequest},
    store::Store,
};

/// Prints the user's batches, transactions and allocations.
pub async fn print(store: &Store, user: &str) -> Result<(), Failure> {
    let connection = store.read_connection();
    let batches = read::batches(connection, user, true, Utc::now()).await?;
    let page = read::history(connection, user, &PageRequest::default()).await?;
    let oldest_first = page.items.into_iter().rev();
    let transactions: Vec<_> = oldest_first.map(|item| item.transaction).collect();
    let names = names(&batches);

    heading("Batches: the credits that Ada has (scrip batches)")?;
    batch_table(&batches, &names).print()?;
    heading("Transactions: sources and uses of credits (scrip history)")?;
    transaction_table(&transactions).print()?;
    heading("Allocations: the batches that each transaction changed")?;
    allocation_table(&transactions, &names).print()?;
    Ok(())
}

/// A short name for each batch, numbered in the order of issue.
fn names(batches: &[BatchItem]) -> HashMap<uuid::Uuid, String> {
    let mut ids: Vec<_> = batches
        .iter()
        .map(|batch| (batch.issued_at, batch.id))
        .collect();
    ids.sort();
    let names = (1..)
        .zip(ids)
        .map(|(number, (_, id))| (id, format!("#{number}")));
    names.collect()
}

fn batch_table(batches: &[BatchItem], names: &HashMap<uuid::Uuid, String>) -> Rows {
    let mut rows = Rows::new(&[
        "batch", "source", "package", ">left", ">of", "paid", "expires", "status",
    ]);
    for batch in batches {
        let paid = batch.paid_micros.zip(batch.currency.clone());
        rows.push([
            names.get(&batch.id).cloned().unwrap_or_default(),
            batch.source_type.to_lowercase(),
            batch.source_plan.clone().unwrap_or_default(),
            show::credits(batch.remaining),
            show::credits(batch.amount),
            paid.map(|(micros, currency)| show::money(micros, &currency))
                .unwrap_or_default(),
            batch
                .expires_at
                .map_or_else(|| "never".to_owned(), show::day),
            batch.status.to_lowercase(),
        ]);
    }
    rows
}

fn transaction_table(transactions: &[TransactionItem]) -> Rows {
    let mut rows = Rows::new(&[">credits", "from", "to", ">balance"]);
    for transaction in transactions {
        let balance = transaction
            .balance_after
            .map(show::credits)
            .unwrap_or_default();
        match &transaction.error_code {
            Some(code) => rows.push([
                "0".to_owned(),
                format!("refused: {code}"),
                String::new(),
                balance,
            ]),
            None => rows.push([
                show::signed(transaction.amount),
                transaction.debit_account.clone().unwrap_or_default(),
                transaction.credit_account.clone().unwrap_or_default(),
                balance,
            ]),
        }
    }
    rows
}

fn allocation_table(transactions: &[TransactionItem], names: &HashMap<uuid::Uuid, String>) -> Rows {
    let mut rows = Rows::new(&["transaction", "batch", ">credits", ">left"]);
    for transaction in transactions {
        for allocation in &transaction.allocations {
            rows.push([
                transaction.kind.clone(),
                names.get(&allocation.batch_id).cloned().unwrap_or_default(),
                show::signed(allocation.amount),
                show::credits(allocation.batch_remaining),
            ]);
        }
    }
    rows
}
