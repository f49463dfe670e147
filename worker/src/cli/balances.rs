//! `scrip balances`: lists the balances of all users.

use std::{io::Stdout, process::ExitCode};

use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;
use producer_sdk::contract::BalanceResult;

use super::{
    context::Context,
    csv::{cell, writer},
    failure::Failure,
    print::{self, OutputError, Rows},
    show, values,
};
use crate::read::{self, WalletFilter};

/// List the balances of all users, as a table, JSON Lines or CSV
///
/// Wallets are listed in the order of the user ids and read page by page. Each page shows the
/// wallets at one moment. A wallet that changes meanwhile is shown either before or after the
/// change. Reads the database.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip balances --min-available 1000
  scrip balances --prefix team-a: --status frozen
  scrip --json balances > balances.jsonl       a line for each wallet, as of `scrip --json balance`
  scrip balances --csv > balances.csv
  scrip balances --limit 100 --cursor user_123       the next hundred users after user_123")]
pub struct Args {
    /// Only users whose id begins with this
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prefix: Option<String>,
    /// Only wallets with this status
    #[arg(long, value_name = "STATUS")]
    status: Option<Status>,
    /// Only wallets with at least this balance, including expired credits that are not yet booked
    #[arg(long, value_name = "CREDITS", value_parser = values::bound, allow_hyphen_values = true)]
    min_balance: Option<i64>,
    /// Only wallets with at least this many credits to spend
    #[arg(long, value_name = "CREDITS", value_parser = values::bound, allow_hyphen_values = true)]
    min_available: Option<i64>,
    /// Only wallets with at most this many credits to spend
    #[arg(long, value_name = "CREDITS", value_parser = values::bound, allow_hyphen_values = true)]
    max_available: Option<i64>,
    /// Only wallets with credits that expire before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT", value_parser = values::instant, allow_hyphen_values = true)]
    expires_before: Option<DateTime<Utc>>,
    /// At most this many wallets. Default: all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Continue after this user
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    cursor: Option<String>,
    /// Write CSV for spreadsheets; excludes --json
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Active,
    Frozen,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Frozen => "FROZEN",
        }
    }
}

/// Writes the balances.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.csv && context.json {
        return Err(Failure::new("--csv and --json exclude each other").as_usage());
    }
    let store = context.ledger().await?;
    let rules = context.settings.rules();
    let filter = WalletFilter {
        prefix: args.prefix,
        status: args.status.map(|status| status.as_str().to_owned()),
        min_balance: args.min_balance,
        min_available: args.min_available,
        max_available: args.max_available,
        expires_before: args.expires_before,
    };
    let mut output = Output::new(context.json, args.csv)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut cursor = args.cursor;
    loop {
        let page = read::wallets(
            store.read_connection(),
            &filter,
            cursor.as_deref(),
            &rules,
            Utc::now(),
        )
        .await?;
        for wallet in &page.wallets {
            if left == 0 {
                return output.finish(cursor.as_deref());
            }
            output.write(wallet)?;
            left -= 1;
            cursor = Some(wallet.user_id.clone());
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return output.finish(None),
        }
    }
}

/// The output that wallets are written to, one at a time.
enum Output {
    Json,
    Csv(Box<csv::Writer<Stdout>>),
    Table(Box<Rows>),
}

impl Output {
    fn new(json: bool, csv: bool) -> print::Result<Self> {
        if json {
            return Ok(Self::Json);
        }
        if csv {
            let mut writer = writer();
            writer.write_record(HEAD.split(','))?;
            return Ok(Self::Csv(Box::new(writer)));
        }
        Ok(Self::Table(Box::new(Rows::new(&[
            "user",
            "status",
            ">available",
            ">held",
            ">balance",
            ">debt",
            ">earned",
            ">spent",
            ">expires next",
            "expires at",
        ]))))
    }

    fn write(&mut self, wallet: &BalanceResult) -> print::Result {
        match self {
            Self::Json => print::json(wallet),
            Self::Csv(writer) => Ok(writer.write_record(cells(wallet))?),
            Self::Table(rows) => {
                let next = wallet.next_expiring_batch.as_ref();
                rows.push([
                    wallet.user_id.clone(),
                    wallet.status.to_lowercase(),
                    show::credits(wallet.available_credits),
                    show::credits(wallet.held),
                    show::credits(wallet.balance),
                    show::credits(wallet.debt),
                    show::credits(wallet.total_earned),
                    show::credits(wallet.total_spent),
                    next.map(|next| show::credits(next.amount))
                        .unwrap_or_default(),
                    next.map(|next| show::instant(next.expires_at))
                        .unwrap_or_default(),
                ]);
                rows.print_page()
            }
        }
    }

    /// Ends the output. `next` is the user to continue after, if more wallets may follow. The table
    /// prints it; a program takes it from the last line of its output.
    fn finish(self, next: Option<&str>) -> Result<ExitCode, Failure> {
        match self {
            Self::Json => {}
            Self::Csv(mut writer) => writer.flush().map_err(OutputError::from)?,
            Self::Table(mut rows) => {
                rows.print()?;
                if let Some(next) = next {
                    print::line(&format!("\nmore: --cursor {}", print::escape(next)))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

const HEAD: &str = "user_id,status,available,held,balance,debt,total_earned,total_spent,\
                    next_expiring,next_expires_at,next_grant,next_grant_at,next_grant_plan,version";

/// A wallet as a line of CSV, in the order of [`HEAD`].
fn cells(wallet: &BalanceResult) -> [String; 14] {
    let instant = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let expiring = wallet.next_expiring_batch.as_ref();
    let grant = wallet.next_grant_info.as_ref();
    [
        cell(&wallet.user_id),
        wallet.status.clone(),
        wallet.available_credits.to_string(),
        wallet.held.to_string(),
        wallet.balance.to_string(),
        wallet.debt.to_string(),
        wallet.total_earned.to_string(),
        wallet.total_spent.to_string(),
        expiring
            .map(|next| next.amount.to_string())
            .unwrap_or_default(),
        expiring
            .map(|next| instant(next.expires_at))
            .unwrap_or_default(),
        grant
            .map(|grant| grant.amount.to_string())
            .unwrap_or_default(),
        grant
            .map(|grant| instant(grant.grant_date))
            .unwrap_or_default(),
        grant
            .map(|grant| cell(&grant.plan_name))
            .unwrap_or_default(),
        wallet.version.to_string(),
    ]
}
