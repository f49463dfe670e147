//! `scrip verify`: checks every invariant of the ledger.

use std::process::ExitCode;

use chrono::Utc;

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
    progress, show,
};
use crate::verify::{self, BookSummary, Options, Report};

/// Check every invariant of the ledger
///
/// Reads the live database, also while workers run. Recomputes balances from the history and names
/// every row that breaks a rule. Exit code 1 if there is one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  scrip verify\n  scrip --json verify --max-violations 10")]
pub struct Args {
    /// Number of wrong rows to name; the others are only counted
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_violations: usize,
}

/// Checks the ledger and prints the result.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    let store = context.ledger().await?;
    let options = Options {
        max_violations: args.max_violations,
        ..Options::default()
    };
    let bar = progress::bar(0, "wallets");
    let moved = bar.clone();
    let report = verify::verify(
        store.read_connection(),
        &options,
        Utc::now(),
        move |progress| {
            moved.set_length(progress.users_total.max(progress.users_checked));
            moved.set_position(progress.users_checked);
        },
    )
    .await?;
    bar.finish_and_clear();
    if context.json {
        print::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(ExitCode::from(u8::from(!report.holds())))
}

/// Prints the result of a check as text.
pub fn print(report: &Report) -> print::Result {
    let mut violations = Rows::new(&["rule", "table", "row", "user", "problem"]);
    for violation in &report.violations {
        violations.push([
            violation.rule,
            violation.table,
            violation.id.as_str(),
            violation.user_id.as_deref().unwrap_or_default(),
            violation.message.as_str(),
        ]);
    }
    let checked = [
        show::counted(report.users_checked.into(), "wallet"),
        show::batches(report.batches_checked.into()),
        show::counted(report.transactions_checked.into(), "transaction"),
        show::counted(report.allocations_checked.into(), "allocation"),
    ];
    print::line(&format!("checked {}", checked.join(", ")))?;
    for text in book(&report.book) {
        print::line(&text)?;
    }
    if report.book.debts != 0 {
        let debts = show::large(report.book.debts);
        print::line(&format!("  users owe {debts}, which is not in wallets"))?;
    }
    if report.holds() {
        return print::line("the book balances");
    }
    violations.print()?;
    let unnamed = report.violation_count - report.violations.len() as u64;
    if unnamed > 0 {
        print::line(&format!("and {unnamed} more"))?;
    }
    print::line(&format!(
        "the book does not balance: {}",
        show::counted(report.violation_count.into(), "violation")
    ))
}

/// Both sides of the book as text: the sources of all issued credits, and their uses.
fn book(book: &BookSummary) -> [String; 2] {
    let issued = &book.issued;
    let all = issued.purchases
        + issued.bonuses
        + issued.registration_bonuses
        + issued.monthly_grants
        + issued.promotions;
    let number = show::large;
    let side = |parts: &[(&str, i128)]| {
        let parts = parts.iter().filter(|(_, sum)| *sum != 0);
        let parts: Vec<String> = parts
            .map(|(name, sum)| format!("{} {name}", number(*sum)))
            .collect();
        if parts.is_empty() {
            "0".to_owned()
        } else {
            parts.join(" + ")
        }
    };
    let sources = side(&[
        ("purchased", issued.purchases),
        ("bonus", issued.bonuses),
        ("registration", issued.registration_bonuses),
        ("monthly", issued.monthly_grants),
        ("promotion", issued.promotions),
    ]);
    let uses = side(&[
        ("in wallets", book.balances),
        ("consumed", book.consumed),
        ("refunded", -book.refunded),
        ("expired", book.expired),
        ("revoked", book.revoked),
        ("repaid", book.repaid),
    ]);
    [
        format!("  issued {} = {sources}", number(all)),
        format!("         {} = {uses}", number(all)),
    ]
}
