//! `scrip report`: sold, granted, consumed, expired and owed credits of a period.

mod csv;
mod revocations;
mod tables;

use std::process::ExitCode;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{context::Context, failure::Failure, print, show, values};
use crate::read::{
    self,
    report::{Horizon, Money, Report, Span},
};

/// Report what was sold, granted, consumed and expired in a period, and what was owed at its end
///
/// Days are in UTC, and the first and the last day are included. Transactions count on the day on
/// which they were booked, so the report of a past period never changes. For that reason a report
/// ends before the oldest transaction that is still open, and a day that is not closed is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip report                                      this month so far
  scrip report --from 2026-11-01 --to 2026-11-30
  scrip report --from 2026-11-01 --to 2026-11-30 --csv > november.csv
  scrip --json report | jq '.owed.value'            credits that are still owed, in money")]
pub struct Args {
    /// First day. Default: the first of this month
    #[arg(long, value_name = "DAY", value_parser = values::day, allow_hyphen_values = true)]
    from: Option<NaiveDate>,
    /// Last day. Default: today, up to the instant before which nothing can still be booked
    #[arg(long, value_name = "DAY", value_parser = values::day, allow_hyphen_values = true)]
    to: Option<NaiveDate>,
    /// Number of services to name; the others are one sum
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    top: u32,
    /// Write CSV for spreadsheets; excludes --json
    #[arg(long)]
    csv: bool,
}

/// Prints the report.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.csv && context.json {
        return Err(Failure::new("--csv and --json exclude each other").as_usage());
    }
    let store = context.ledger().await?;
    let span = span(&args, &read::report::horizon(&store).await?)?;
    let report = read::report(store.read_connection(), span, args.top).await?;
    if context.json {
        print::json(&report)?;
    } else if args.csv {
        csv::print(&report)?;
    } else {
        tables::print(&report)?;
    }
    Ok(ExitCode::from(u8::from(!report.adds_up)))
}

fn heading(text: &str) -> print::Result {
    print::line(&format!("\n{text}"))
}

fn count(number: u64) -> String {
    show::large(number.into())
}

/// How far the clock of the database may be set back without a new row falling into a day that was
/// already reported.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(1);

/// The period of the report, or the error for a period that is not allowed.
fn span(args: &Args, horizon: &Horizon) -> Result<Span, Failure> {
    let today = horizon.now.date_naive();
    let from = args
        .from
        .unwrap_or_else(|| today.with_day(1).unwrap_or(today));
    let to = args.to.unwrap_or(today);
    if from > to {
        return Err(Failure::new(format!("--from {from} is after --to {to}")).as_usage());
    }
    if from > today {
        return Err(Failure::new(format!(
            "--from {from} is after today, {today} (UTC)"
        )));
    }
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let end = midnight(to.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX));
    let latest = horizon.at - CLOCK_MARGIN;
    if end <= horizon.now && end > latest {
        return Err(too_recent(
            &format!("{to} is not closed yet"),
            horizon,
            latest,
        ));
    }
    let from = midnight(from);
    if from >= horizon.at {
        return Err(too_recent(
            &format!("nothing of {from} is closed yet"),
            horizon,
            latest,
        ));
    }
    Ok(Span {
        from,
        until: end.min(horizon.at),
    })
}

/// The failure for a report that ends too late: something may still be booked before its end.
fn too_recent(problem: &str, horizon: &Horizon, latest: DateTime<Utc>) -> Failure {
    let cause = horizon.open.as_ref().map_or_else(String::new, |open| {
        format!(
            ", because process {} of the database ({}) has a transaction open since {} UTC",
            open.pid,
            print::escape(&open.application),
            show::instant(horizon.at)
        )
    });
    let day = latest.date_naive().pred_opt().unwrap_or(NaiveDate::MIN);
    Failure::new(format!(
        "{problem}: something may still be booked in it. A report can end at {} UTC at the latest \
         now{cause}; the last closed day is --to {day}. Try again later",
        show::instant(latest)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::report::OpenTransaction;

    fn args(from: Option<&str>, to: Option<&str>) -> Args {
        let date = |text: &str| text.parse().ok();
        Args {
            from: from.and_then(date),
            to: to.and_then(date),
            top: 10,
            csv: false,
        }
    }

    /// The period of a report at noon of 2028-02-29, or the error.
    fn period(from: Option<&str>, to: Option<&str>) -> Result<(String, String), String> {
        period_at("2028-02-29T12:00:00Z", "2028-02-29T12:00:00Z", from, to)
    }

    /// The period of a report at `now`, while nothing can be booked before `at`, or the error.
    fn period_at(
        at: &str,
        now: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(String, String), String> {
        let instant = |text: &str| text.parse().map_err(|_| "no instant".to_owned());
        let horizon = Horizon {
            at: instant(at)?,
            now: instant(now)?,
            open: (at != now).then(|| OpenTransaction {
                pid: 17,
                application: "scrip".to_owned(),
            }),
        };
        let span = span(&args(from, to), &horizon).map_err(|failure| failure.to_string())?;
        Ok((show::instant(span.from), show::instant(span.until)))
    }

    /// Conformance: Configuration and command line: A report covers only time that is closed to new
    /// bookings; a hanging or late commit is booked later
    #[test]
    fn a_day_is_reported_once_nothing_can_still_be_booked_in_it() {
        let day = Some("2028-02-28");
        let whole = Ok((
            "2028-02-28 00:00:00".to_owned(),
            "2028-02-29 00:00:00".to_owned(),
        ));
        assert_eq!(
            period_at("2028-02-29T00:01:00Z", "2028-02-29T00:01:00Z", day, day),
            whole
        );
        assert_eq!(
            period_at("2028-02-29T00:01:00Z", "2028-02-29T08:00:00Z", day, day),
            whole
        );
        let refused = period_at("2028-02-29T00:00:59Z", "2028-02-29T00:00:59Z", day, day);
        assert_eq!(
            refused,
            Err(
                "error: 2028-02-28 is not closed yet: something may still be booked in it. A \
                 report can end at 2028-02-28 23:59:59 UTC at the latest now; the last closed day \
                 is --to 2028-02-27. Try again later"
                    .to_owned()
            )
        );
        let hanging = period_at("2028-02-28T23:59:59Z", "2028-02-29T08:00:00Z", day, day);
        let hanging = hanging.expect_err("a transaction of yesterday is open");
        assert!(
            hanging.contains(
                "process 17 of the database (scrip) has a transaction open since \
                 2028-02-28 23:59:59 UTC"
            ),
            "{hanging}"
        );
        let nothing = period_at(
            "2028-02-28T23:59:59Z",
            "2028-02-29T08:00:00Z",
            Some("2028-02-29"),
            None,
        );
        assert!(nothing.is_err());
    }

    #[test]
    fn a_report_covers_this_month_so_far_unless_days_are_given() {
        let so_far = (
            "2028-02-01 00:00:00".to_owned(),
            "2028-02-29 12:00:00".to_owned(),
        );
        assert_eq!(period(None, None), Ok(so_far.clone()));
        assert_eq!(
            period(None, Some("2028-12-31")),
            Ok(so_far),
            "never later than now"
        );
        let january = (
            "2028-01-01 00:00:00".to_owned(),
            "2028-02-01 00:00:00".to_owned(),
        );
        assert_eq!(period(Some("2028-01-01"), Some("2028-01-31")), Ok(january));
    }

    #[test]
    fn days_in_the_wrong_order_or_in_the_future_are_refused() {
        let wrong = period(Some("2028-02-02"), Some("2028-02-01"));
        assert_eq!(
            wrong,
            Err("error: --from 2028-02-02 is after --to 2028-02-01".to_owned())
        );
        assert!(period(Some("2028-03-01"), Some("2028-03-02")).is_err());
    }
}
