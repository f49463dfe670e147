//! `scrip history`: lists the transactions of one user.

use std::{collections::HashMap, process::ExitCode};

use producer_sdk::contract::TransactionItem;
use serde_json::Value;
use uuid::Uuid;

use super::{
    balance::no_wallet,
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show,
};
use crate::read::{self, Cursor, HistoryItem, PageRequest};

/// List the transactions of a user, newest first
///
/// Refused commands are included. Reads the database. Exit code 1 if the user has no wallet.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip history user_123 --limit 50
  scrip --json history user_123 --cursor CURSOR")]
pub struct Args {
    /// Id of the user
    #[arg(allow_hyphen_values = true)]
    user: String,
    /// Number of transactions to show
    #[arg(
        long,
        default_value_t = 20,
        value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(read::MAX_PAGE))
    )]
    limit: u32,
    /// Continue from this cursor, which the last page printed
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<Cursor>,
}

/// Prints a page.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let connection = store.read_connection();
    let request = PageRequest {
        limit: args.limit,
        before: args.cursor,
        skip: 0,
    };
    let page = read::history(connection, &args.user, &request).await?;
    if page.items.is_empty() && !read::has_wallet(connection, &args.user).await? {
        return Err(no_wallet(&args.user));
    }
    if context.json {
        print::json(&page)?;
        return Ok(ExitCode::SUCCESS);
    }
    table(&page.items).print()?;
    if let Some(next) = page.next {
        print::line(&format!("\nolder: --cursor {next}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The type of a transaction, marked if the default price was charged or a period was skipped. A
/// refund names the reference of its consumption or capture, a revocation that of what it takes
/// back, a reinstatement that of its revocation. What a command caused names the command.
fn kind(transaction: &TransactionItem) -> String {
    let (kind, of) = (&transaction.kind, &transaction.related_reference_id);
    let is_linked = matches!(
        kind.as_str(),
        "refund" | "revocation" | "reinstatement" | "debt" | "repayment"
    );
    if let (true, Some(of)) = (is_linked, of) {
        return match transaction.debt_change {
            Some(change) => format!("{kind} of {of} (debt {})", show::signed(change)),
            None => format!("{kind} of {of}"),
        };
    }
    if let Some(change) = transaction.debt_change {
        return format!("{kind} (debt {})", show::signed(change));
    }
    let detail = transaction.detail.as_ref();
    let flag = detail.and_then(|detail| detail.get("defaultPrice"));
    if flag.and_then(Value::as_bool) == Some(true) {
        return format!("{} (default price)", transaction.kind);
    }
    let skipped = detail
        .and_then(|detail| detail.get("skipped"))
        .and_then(Value::as_str);
    match skipped {
        Some(reason) => format!("{} (skipped: {reason})", transaction.kind),
        None => transaction.kind.clone(),
    }
}

/// The hold that a capture or release belongs to: its reference if it is on the same page, else the
/// end of its id.
fn hold(transaction: &TransactionItem, references: &HashMap<Uuid, &str>) -> Option<String> {
    let is_of_hold = matches!(transaction.kind.as_str(), "capture" | "release");
    let id = transaction.related_id.filter(|_| is_of_hold)?;
    let reference = references.get(&id).map(|reference| (*reference).to_owned());
    Some(reference.unwrap_or_else(|| show::short(id)))
}

fn table(items: &[HistoryItem]) -> Rows {
    let references: HashMap<Uuid, &str> = items
        .iter()
        .map(|item| (item.transaction.id, item.transaction.reference_id.as_str()))
        .collect();
    let mut rows = Rows::new(&[
        "when",
        "type",
        ">amount",
        ">balance",
        "from",
        "to",
        "reference",
        "sender",
    ]);
    for HistoryItem {
        transaction,
        sender,
    } in items
    {
        let refused = transaction.error_code.clone();
        let amount = refused.map_or_else(
            || show::signed(transaction.amount),
            |code| format!("refused: {code}"),
        );
        let detail = transaction.detail.as_ref();
        let clipped = detail.and_then(|detail| detail["clipped"].as_i64());
        rows.push([
            show::instant(transaction.created_at),
            match hold(transaction, &references) {
                Some(hold) => format!("{} of {hold}", kind(transaction)),
                None => kind(transaction),
            },
            match clipped {
                Some(clipped) => format!("{amount} ({} clipped)", show::credits(clipped)),
                None => amount,
            },
            transaction
                .balance_after
                .map(show::credits)
                .unwrap_or_default(),
            transaction.debit_account.clone().unwrap_or_default(),
            transaction.credit_account.clone().unwrap_or_default(),
            transaction.reference_id.clone(),
            sender.clone().unwrap_or_default(),
        ]);
    }
    rows
}
