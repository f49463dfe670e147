//! The report as one CSV table in long form: each line has a section, a name and its figures.

use super::{Money, Report, print, show};
use crate::cli::csv::{cell, writer};

const HEAD: &str = "section,name,detail,currency,count,credits,money";

/// A line of the table. Cells that do not apply are empty.
#[derive(Default)]
struct Line<'a> {
    section: &'a str,
    name: &'a str,
    detail: &'a str,
    money: Option<&'a Money>,
    count: Option<u64>,
    credits: Option<i128>,
}

/// Writes the report to stdout.
pub fn print(report: &Report) -> print::Result {
    let mut writer = writer();
    writer.write_record(HEAD.split(','))?;
    lines(report, |line| Ok(writer.write_record(line.cells())?))?;
    Ok(writer.flush()?)
}

fn lines(report: &Report, mut write: impl FnMut(Line<'_>) -> print::Result) -> print::Result {
    let (from, until) = (
        show::instant(report.span.from),
        show::instant(report.span.until),
    );
    for (name, detail) in [("from", &from), ("until", &until)] {
        write(Line {
            section: "period",
            name,
            detail,
            ..Line::default()
        })?;
    }
    let sum = |section, name, credits| Line {
        section,
        name,
        credits: Some(credits),
        ..Line::default()
    };
    write(sum("opening", "", report.opening))?;
    for item in &report.sold.items {
        write(Line {
            section: "sold",
            name: item.package.as_deref().unwrap_or_default(),
            money: item.paid.as_ref(),
            count: Some(item.purchases),
            credits: Some(item.credits),
            ..Line::default()
        })?;
    }
    for granted in &report.granted {
        write(Line {
            section: "granted",
            name: &granted.kind,
            detail: granted.plan.as_deref().unwrap_or_default(),
            count: Some(granted.grants),
            credits: Some(granted.credits),
            ..Line::default()
        })?;
    }
    for clipped in &report.clipped {
        write(Line {
            section: "clipped",
            name: &clipped.kind,
            count: Some(clipped.grants),
            credits: Some(clipped.credits),
            ..Line::default()
        })?;
    }
    let consumed = &report.consumed;
    let others = consumed
        .others
        .iter()
        .map(|others| ("", "all others", others));
    let services = consumed
        .services
        .iter()
        .map(|one| (one.service.as_str(), "", one));
    for (name, detail, service) in services.chain(others) {
        write(Line {
            section: "consumed",
            name,
            detail,
            count: Some(service.commands),
            credits: Some(service.credits),
            ..Line::default()
        })?;
        if service.refunds > 0 {
            write(Line {
                section: "refunded by service",
                name,
                detail,
                count: Some(service.refunds),
                credits: Some(service.refunded),
                ..Line::default()
            })?;
        }
    }
    write(sum("refunded", "", report.refunded))?;
    write(sum("revoked", "", report.revoked))?;
    write(sum("reinstated", "", report.reinstated))?;
    write(sum("repaid", "", report.repaid))?;
    revocations(report, &mut write)?;
    for refused in &report.refused {
        write(Line {
            section: "refused",
            name: &refused.code,
            count: Some(refused.commands),
            ..Line::default()
        })?;
    }
    for totals in &report.senders {
        let name = totals.sender.as_deref().unwrap_or_default();
        for (detail, count, credits) in [
            ("applied", Some(totals.applied), None),
            ("refused", Some(totals.refused), None),
            ("credited", None, Some(totals.credited)),
            ("consumed", None, Some(totals.consumed)),
        ] {
            write(Line {
                section: "sender",
                name,
                detail,
                count,
                credits,
                ..Line::default()
            })?;
        }
    }
    let (expired, owed) = (&report.expired, &report.owed);
    write(sum("expired", "paid", expired.paid))?;
    write(sum("expired", "free", expired.free))?;
    for money in &expired.value {
        write(Line {
            section: "expired",
            name: "value",
            money: Some(money),
            ..Line::default()
        })?;
    }
    write(sum("expired", "paid without price", expired.without_price))?;
    for (name, credits) in [
        ("paid", owed.paid),
        ("subscription", owed.subscription),
        ("bonus", owed.bonus),
        ("paid without price", owed.paid_without_price),
    ] {
        write(sum("owed", name, credits))?;
    }
    for money in &owed.value {
        write(Line {
            section: "owed",
            name: "value",
            money: Some(money),
            ..Line::default()
        })?;
    }
    for month in &owed.months {
        let detail = month.month.as_deref().unwrap_or("never");
        for (name, credits) in [("paid", month.paid), ("free", month.free)] {
            write(Line {
                section: "owed by month",
                name,
                detail,
                credits: Some(credits),
                ..Line::default()
            })?;
        }
    }
    write(sum("lapsed", "", owed.lapsed))?;
    write(sum("closing", "", report.closing))
}

/// Refunds and revocations by month, revenue and debt.
fn revocations(
    report: &Report,
    write: &mut impl FnMut(Line<'_>) -> print::Result,
) -> print::Result {
    for refunds in &report.refunds {
        write(Line {
            section: "refunded by month",
            name: &refunds.service,
            detail: &refunds.month,
            count: Some(refunds.refunds),
            credits: Some(refunds.credits),
            ..Line::default()
        })?;
    }
    for one in &report.revocations {
        for (section, count, credits) in [
            ("revoked by month", Some(one.revocations), one.revoked),
            ("taken by month", None, one.taken),
            ("indebted by month", None, one.indebted),
            ("reinstated by month", None, one.reinstated),
        ] {
            write(Line {
                section,
                name: one.plan.as_deref().unwrap_or(&one.kind),
                detail: &one.month,
                count,
                credits: Some(credits),
                ..Line::default()
            })?;
        }
    }
    for revenue in &report.revenue {
        for (name, money) in [
            ("paid", &revenue.paid),
            ("revoked", &revenue.revoked),
            ("net", &revenue.net),
        ] {
            write(Line {
                section: "revenue",
                name,
                money: Some(money),
                ..Line::default()
            })?;
        }
    }
    let debt = report.debt;
    for (name, credits) in [
        ("opening", debt.opening),
        ("created", debt.created),
        ("repaid", debt.repaid),
        ("forgiven", debt.forgiven),
        ("cancelled", debt.cancelled),
        ("closing", debt.closing),
    ] {
        write(Line {
            section: "debt",
            name,
            credits: Some(credits),
            ..Line::default()
        })?;
    }
    Ok(())
}

impl Line<'_> {
    fn cells(&self) -> [String; 7] {
        [
            cell(self.section),
            cell(self.name),
            cell(self.detail),
            cell(self.money.map(Money::currency).unwrap_or_default()),
            self.count
                .map(|count| count.to_string())
                .unwrap_or_default(),
            self.credits
                .map(|credits| credits.to_string())
                .unwrap_or_default(),
            self.money.map(Money::to_string).unwrap_or_default(),
        ]
    }
}
