//! The metrics of the database: the settings of its server, whether that is the right one, and what
//! users hold and owe.

use std::fmt;

use prometheus_client::{
    encoding::DescriptorEncoder,
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};
use strum::VariantArray;

use super::family::{family, flag, single};
use crate::{
    db::{Risk, ServerReport},
    read::Reserved,
};

/// The risks from the settings of the server.
pub fn durability(to: &mut DescriptorEncoder<'_>, risks: Option<Vec<Risk>>) -> fmt::Result {
    let Some(risks) = risks else { return Ok(()) };
    family(
        to,
        "scrip_durability_risk",
        "1 if the settings of the database put acknowledged commands at risk, by risk.",
        Risk::VARIANTS
            .iter()
            .map(|risk| ([("risk", risk.as_str())], flag(risks.contains(risk)))),
    )
}

/// The timeline of the server, and connections to servers that must not be used.
pub fn server(to: &mut DescriptorEncoder<'_>, report: Option<ServerReport>) -> fmt::Result {
    let Some(report) = report else { return Ok(()) };
    if let Some(identity) = report.identity {
        single(
            to,
            "scrip_database_timeline",
            "Highest timeline of the database server so far.",
            ConstGauge::new(i64::from(identity.timeline)),
        )?;
    }
    single(
        to,
        "scrip_database_wrong_server",
        "1 while a server accepts writes that must not be used.",
        flag(report.alarm.is_some()),
    )?;
    family(
        to,
        "scrip_database_refused_total",
        "Connections closed at once because their server must not be used, by reason.",
        report
            .refused
            .iter()
            .map(|(reason, count)| ([("reason", reason.as_str())], ConstCounter::new(*count))),
    )
}

/// What all users hold and owe.
pub fn reserved(to: &mut DescriptorEncoder<'_>, reserved: Option<Reserved>) -> fmt::Result {
    let Some(reserved) = reserved else {
        return Ok(());
    };
    let credits = |credits: i128| ConstGauge::new(i64::try_from(credits).unwrap_or(i64::MAX));
    single(
        to,
        "scrip_held_credits",
        "Credits of all users that open holds reserve.",
        credits(reserved.held),
    )?;
    single(
        to,
        "scrip_debt_credits",
        "Credits that all users owe.",
        credits(reserved.debt),
    )
}
