//! `scrip report`

pub(super) mod csv;

use std::process::ExitCode;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::{
    context::Context,
    failure::Failure,
    print::{self, Rows},
    show,
};
use crate::read::{
    self,
    report::{Horizon, Money, Report, Span},
};

/// What was sold, granted, spent and lost in a time, and what was owed at its end.
///
/// Days are those of UTC, both included. What moved counts by when it was booked, so the report of a time that is over
/// stays the same: it ends before anything that may still be booked, and a day whose end is not that old is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  scrip report                                      this month so far
  scrip report --from 2026-11-01 --to 2026-11-30
  scrip report --from 2026-11-01 --to 2026-11-30 --csv > november.csv
  scrip --json report | jq '.owed.value'            what is still owed, in money")]
pub struct Args {
    /// The first day; default: the first of this month
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<NaiveDate>,
    /// The last day; default: today, as far as nothing can be booked any more
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<NaiveDate>,
    /// How many services are named; the others are one sum
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    top: u32,
    /// Write CSV, for spreadsheets
    #[arg(long)]
    csv: bool,
}

/// Prints the report.
pub async fn run(context: &Context, args: Args) -> Result<ExitCode, Failure> {
    if args.csv && context.json {
        return Err(Failure::new("--csv and --json exclude each other"));
    }
    let store = context.ledger().await?;
    let span = span(&args, &read::report::horizon(&store).await?)?;
    let report = read::report(store.read_connection(), span, args.top).await?;
    if context.json {
        print::json(&report)?;
    } else if args.csv {
        csv::print(&report)?;
    } else {
        table(&report)?;
    }
    Ok(ExitCode::from(u8::from(!report.adds_up)))
}

/// The clock of the database may be set back by so much without a row falling into a day that was reported already.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(1);

fn span(args: &Args, horizon: &Horizon) -> Result<Span, Failure> {
    let today = horizon.now.date_naive();
    let from = args.from.unwrap_or_else(|| today.with_day(1).unwrap_or(today));
    let to = args.to.unwrap_or(today);
    if from > to {
        return Err(Failure::new(format!("--from {from} is after --to {to}")));
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
        return Err(too_recent(&format!("{to} is not closed yet"), horizon, latest));
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

/// A report that ends too recently: something may still be booked before its end.
fn too_recent(what: &str, horizon: &Horizon, latest: DateTime<Utc>) -> Failure {
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
        "{what}: something may still be booked in it. A report can end at {} UTC at the latest now{cause}; the last \
         closed day is --to {day}. Try again later",
        show::instant(latest)
    ))
}

fn table(report: &Report) -> Result<(), Failure> {
    let Span { from, until } = report.span;
    print::line(&format!(
        "from {} until {} UTC",
        show::instant(from),
        show::instant(until)
    ))?;
    heading("Roll-forward")?;
    roll_forward(report).print()?;
    if !report.adds_up {
        print::line("this does not add up: `scrip verify` names the rows that are wrong")?;
    }
    if !report.sold.items.is_empty() {
        heading("Sold")?;
        sold(report).print()?;
    }
    if !report.granted.is_empty() {
        heading("Granted")?;
        granted(report).print()?;
    }
    if !report.clipped.is_empty() {
        heading("Clipped (grants that did not fit under the balance cap)")?;
        clipped(report).print()?;
    }
    if report.consumed.commands > 0 {
        heading("Consumed")?;
        consumed(report).print()?;
    }
    if !report.refused.is_empty() {
        heading("Refused")?;
        refused(report).print()?;
    }
    if report.senders.iter().any(|totals| totals.sender.is_some()) {
        heading("By sender")?;
        senders(report).print()?;
    }
    if report.expired.credits() > 0 {
        heading("Expired (breakage)")?;
        expired(report).print()?;
    }
    heading("Owed at the end")?;
    owed(report).print()?;
    if !report.owed.months.is_empty() {
        heading("Owed, by month of expiry")?;
        months(report).print()?;
    }
    Ok(())
}

fn heading(text: &str) -> Result<(), Failure> {
    print::line(&format!("\n{text}"))?;
    Ok(())
}

fn roll_forward(report: &Report) -> Rows {
    let mut rows = Rows::new(&["", ">credits"]);
    rows.push([
        "in wallets at the beginning".to_owned(),
        show::large(report.opening),
    ]);
    for (name, credits) in [
        ("+ sold", report.sold.credits),
        ("+ granted", report.total_granted()),
        ("+ refunded", report.refunded),
        ("- consumed", report.consumed.credits),
        ("- expired", report.expired.credits()),
        ("- revoked", report.revoked),
    ] {
        if credits != 0 {
            rows.push([name.to_owned(), show::large(credits)]);
        }
    }
    rows.push(["in wallets at the end".to_owned(), show::large(report.closing)]);
    rows
}

fn sold(report: &Report) -> Rows {
    let mut rows = Rows::new(&["package", ">purchases", ">credits", ">paid", "currency"]);
    for item in &report.sold.items {
        rows.push([
            item.package.clone().unwrap_or_else(|| "(by number)".to_owned()),
            count(item.purchases),
            show::large(item.credits),
            item.paid
                .as_ref()
                .map_or_else(|| "no price".to_owned(), Money::to_string),
            item.paid
                .as_ref()
                .map_or_else(String::new, |paid| paid.currency().to_owned()),
        ]);
    }
    rows
}

fn granted(report: &Report) -> Rows {
    let mut rows = Rows::new(&["kind", "plan or package", ">grants", ">credits"]);
    for granted in &report.granted {
        rows.push([
            granted.kind.clone(),
            granted.plan.clone().unwrap_or_default(),
            count(granted.grants),
            show::large(granted.credits),
        ]);
    }
    rows
}

fn clipped(report: &Report) -> Rows {
    let mut rows = Rows::new(&["kind", ">grants", ">credits"]);
    for clipped in &report.clipped {
        rows.push([
            clipped.kind.clone(),
            count(clipped.grants),
            show::large(clipped.credits),
        ]);
    }
    rows
}

fn consumed(report: &Report) -> Rows {
    let mut rows = Rows::new(&["service", ">commands", ">credits"]);
    for service in &report.consumed.services {
        rows.push([
            service.service.clone(),
            count(service.commands),
            show::large(service.credits),
        ]);
    }
    if let Some(others) = &report.consumed.others {
        rows.push([
            "(all others)".to_owned(),
            count(others.commands),
            show::large(others.credits),
        ]);
    }
    rows
}

fn refused(report: &Report) -> Rows {
    let mut rows = Rows::new(&["code", ">commands"]);
    for refused in &report.refused {
        rows.push([refused.code.clone(), count(refused.commands)]);
    }
    rows
}

fn senders(report: &Report) -> Rows {
    let mut rows = Rows::new(&["account", ">applied", ">refused", ">credited", ">consumed"]);
    for totals in &report.senders {
        rows.push([
            totals.sender.clone().unwrap_or_else(|| "(not named)".to_owned()),
            count(totals.applied),
            count(totals.refused),
            show::large(totals.credited),
            show::large(totals.consumed),
        ]);
    }
    rows
}

fn expired(report: &Report) -> Rows {
    let expired = &report.expired;
    let mut rows = Rows::new(&["", ">credits", ">paid", "currency"]);
    priced(&mut rows, "paid for", expired.paid, &expired.value);
    if expired.without_price != 0 {
        rows.push([
            "  of it without price",
            &show::large(expired.without_price),
            "",
            "",
        ]);
    }
    rows.push(["free", &show::large(expired.free), "", ""]);
    rows
}

fn owed(report: &Report) -> Rows {
    let owed = &report.owed;
    let mut rows = Rows::new(&["", ">credits", ">value", "currency"]);
    priced(&mut rows, "paid for", owed.paid, &owed.value);
    if owed.paid_without_price != 0 {
        rows.push([
            "  of it without price",
            &show::large(owed.paid_without_price),
            "",
            "",
        ]);
    }
    rows.push(["free, from plans", &show::large(owed.subscription), "", ""]);
    rows.push(["free, otherwise", &show::large(owed.bonus), "", ""]);
    if owed.lapsed != 0 {
        rows.push([
            "lapsed, not swept yet: not owed",
            &show::large(owed.lapsed),
            "",
            "",
        ]);
    }
    rows
}

/// Credits with what was paid for them: a line for each currency.
fn priced(rows: &mut Rows, name: &str, credits: i128, value: &[Money]) {
    let mut name = name.to_owned();
    let mut credits = show::large(credits);
    for money in value {
        rows.push([&name, &credits, &money.to_string(), money.currency()]);
        name.clear();
        credits.clear();
    }
    if value.is_empty() {
        rows.push([name.as_str(), &credits, "", ""]);
    }
}

fn months(report: &Report) -> Rows {
    let mut rows = Rows::new(&["month", ">paid for", ">free"]);
    for month in &report.owed.months {
        rows.push([
            month.month.clone().unwrap_or_else(|| "never".to_owned()),
            show::large(month.paid),
            show::large(month.free),
        ]);
    }
    rows
}

fn count(number: u64) -> String {
    show::large(number.into())
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

    fn told(from: Option<&str>, to: Option<&str>) -> Result<(String, String), String> {
        told_at("2028-02-29T12:00:00Z", "2028-02-29T12:00:00Z", from, to)
    }

    fn told_at(
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

    #[test]
    fn a_day_is_reported_when_nothing_can_be_booked_in_it_any_more() {
        let day = Some("2028-02-28");
        let whole = Ok(("2028-02-28 00:00:00".to_owned(), "2028-02-29 00:00:00".to_owned()));
        assert_eq!(
            told_at("2028-02-29T00:01:00Z", "2028-02-29T00:01:00Z", day, day),
            whole
        );
        assert_eq!(
            told_at("2028-02-29T00:01:00Z", "2028-02-29T08:00:00Z", day, day),
            whole
        );
        let refused = told_at("2028-02-29T00:00:59Z", "2028-02-29T00:00:59Z", day, day);
        assert_eq!(
            refused,
            Err(
                "error: 2028-02-28 is not closed yet: something may still be booked in it. A report can end at 2028-02-28 \
                 23:59:59 UTC at the latest now; the last closed day is --to 2028-02-27. Try again later"
                    .to_owned()
            )
        );
        let hanging = told_at("2028-02-28T23:59:59Z", "2028-02-29T08:00:00Z", day, day);
        let hanging = hanging.expect_err("a transaction of yesterday is open");
        assert!(
            hanging.contains(
                "process 17 of the database (scrip) has a transaction open since 2028-02-28 23:59:59 UTC"
            ),
            "{hanging}"
        );
        let nothing = told_at(
            "2028-02-28T23:59:59Z",
            "2028-02-29T08:00:00Z",
            Some("2028-02-29"),
            None,
        );
        assert!(nothing.is_err());
    }

    #[test]
    fn a_report_is_of_this_month_so_far_unless_days_are_named() {
        let so_far = ("2028-02-01 00:00:00".to_owned(), "2028-02-29 12:00:00".to_owned());
        assert_eq!(told(None, None), Ok(so_far.clone()));
        assert_eq!(told(None, Some("2028-12-31")), Ok(so_far), "never later than now");
        let january = ("2028-01-01 00:00:00".to_owned(), "2028-02-01 00:00:00".to_owned());
        assert_eq!(told(Some("2028-01-01"), Some("2028-01-31")), Ok(january));
    }

    #[test]
    fn days_in_the_wrong_order_or_in_the_future_are_refused() {
        let wrong = told(Some("2028-02-02"), Some("2028-02-01"));
        assert_eq!(
            wrong,
            Err("error: --from 2028-02-02 is after --to 2028-02-01".to_owned())
        );
        assert!(told(Some("2028-03-01"), Some("2028-03-02")).is_err());
    }
}
