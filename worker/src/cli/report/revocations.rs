//! Refunds, revocations, revenue and debt of a report as tables for the terminal.

use super::{Report, count, heading, print, show};
use crate::{
    cli::print::Rows,
    read::report::{DebtTotals, Revenue},
};

/// Prints the tables that have rows.
pub fn print(report: &Report) -> print::Result {
    if !report.refunds.is_empty() {
        heading("Refunds, by month and service")?;
        refunds(report).print()?;
    }
    if !report.revocations.is_empty() {
        heading("Revocations, by month, and plan or package")?;
        revocations(report).print()?;
    }
    let is_reduced = |revenue: &Revenue| revenue.net != revenue.paid;
    if report.revenue.iter().any(is_reduced) {
        heading("Revenue, less what was revoked")?;
        revenue(report).print()?;
    }
    if report.debt != DebtTotals::default() {
        heading("Owed by users")?;
        debt(&report.debt).print()?;
    }
    Ok(())
}

fn refunds(report: &Report) -> Rows {
    let mut rows = Rows::new(&["month", "service", ">refunds", ">credits"]);
    for refunds in &report.refunds {
        rows.push([
            refunds.month.clone(),
            refunds.service.clone(),
            count(refunds.refunds),
            show::large(refunds.credits),
        ]);
    }
    rows
}

fn revocations(report: &Report) -> Rows {
    let mut rows = Rows::new(&[
        "month",
        "kind",
        "plan or package",
        ">revocations",
        ">revoked",
        ">taken",
        ">to debt",
        ">reinstated",
    ]);
    for one in &report.revocations {
        rows.push([
            one.month.clone(),
            one.kind.clone(),
            one.plan.clone().unwrap_or_default(),
            count(one.revocations),
            show::large(one.revoked),
            show::large(one.taken),
            show::large(one.indebted),
            show::large(one.reinstated),
        ]);
    }
    rows
}

fn revenue(report: &Report) -> Rows {
    let mut rows = Rows::new(&[">paid", ">revoked", ">net", "currency"]);
    for revenue in &report.revenue {
        rows.push([
            revenue.paid.to_string(),
            revenue.revoked.to_string(),
            revenue.net.to_string(),
            revenue.net.currency().to_owned(),
        ]);
    }
    rows
}

fn debt(debt: &DebtTotals) -> Rows {
    let mut rows = Rows::new(&["", ">credits"]);
    for (name, credits) in [
        ("at the beginning", debt.opening),
        ("+ created by revocations", debt.created),
        ("- repaid", debt.repaid),
        ("- forgiven", debt.forgiven),
        ("- cancelled by reinstatements", debt.cancelled),
        ("at the end", debt.closing),
    ] {
        rows.push([name.to_owned(), show::large(credits)]);
    }
    rows
}
