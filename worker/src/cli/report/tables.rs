//! The report as tables for the terminal.

use super::{Money, Report, Span, count, heading, print, revocations, show};
use crate::cli::print::Rows;

/// Prints the report.
pub fn print(report: &Report) -> print::Result {
    let Span { from, until } = report.span;
    print::line(&format!(
        "from {} until {} UTC",
        show::instant(from),
        show::instant(until)
    ))?;
    heading("Roll-forward")?;
    roll_forward(report).print()?;
    if !report.adds_up {
        print::line("the figures do not add up: `scrip verify` names the wrong rows")?;
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
    if report.consumed.commands > 0 || report.refunded > 0 {
        heading("Consumed")?;
        consumed(report).print()?;
    }
    revocations::print(report)?;
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
        ("+ reinstated", report.reinstated),
        ("- consumed", report.consumed.credits),
        ("- expired", report.expired.credits()),
        ("- revoked", report.revoked),
        ("- repaid debts", report.repaid),
    ] {
        if credits != 0 {
            rows.push([name.to_owned(), show::large(credits)]);
        }
    }
    rows.push([
        "in wallets at the end".to_owned(),
        show::large(report.closing),
    ]);
    rows
}

fn sold(report: &Report) -> Rows {
    let mut rows = Rows::new(&["package", ">purchases", ">credits", ">paid", "currency"]);
    for item in &report.sold.items {
        rows.push([
            item.package
                .clone()
                .unwrap_or_else(|| "(no package)".to_owned()),
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
    let mut rows = Rows::new(&["service", ">commands", ">credits", ">refunds", ">refunded"]);
    let consumed = &report.consumed;
    let others = consumed
        .others
        .iter()
        .map(|others| ("(all others)", others));
    let services = consumed.services.iter();
    let services = services.map(|one| (one.service.as_str(), one));
    for (name, service) in services.chain(others) {
        rows.push([
            name.to_owned(),
            count(service.commands),
            show::large(service.credits),
            count(service.refunds),
            show::large(service.refunded),
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
            totals
                .sender
                .clone()
                .unwrap_or_else(|| "(not named)".to_owned()),
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
            "  of these without price",
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
            "  of these without price",
            &show::large(owed.paid_without_price),
            "",
            "",
        ]);
    }
    rows.push(["free, from plans", &show::large(owed.subscription), "", ""]);
    rows.push(["free, otherwise", &show::large(owed.bonus), "", ""]);
    if owed.lapsed != 0 {
        rows.push([
            "expired, not yet booked: not owed",
            &show::large(owed.lapsed),
            "",
            "",
        ]);
    }
    rows
}

/// Adds credits and what was paid for them: one row for each currency.
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
