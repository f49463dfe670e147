//! The metrics of the HTTP server.

use std::fmt;

use prometheus_client::{
    encoding::DescriptorEncoder,
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::family::{family, single};
use crate::http::counters::HttpCounters;

/// Adds the metrics of a server.
pub(super) fn http(to: &mut DescriptorEncoder<'_>, counters: &HttpCounters) -> fmt::Result {
    family(
        to,
        "scrip_http_requests_total",
        "HTTP requests by route and status.",
        counters
            .requests()
            .into_iter()
            .map(|(route, status, count)| {
                let labels = [("route", route.to_owned()), ("status", status.to_string())];
                (labels, ConstCounter::new(count))
            }),
    )?;
    family(
        to,
        "scrip_http_request_seconds",
        "Time from the head of a request to its response.",
        counters
            .seconds()
            .into_iter()
            .map(|(route, seconds)| ([("route", route)], seconds)),
    )?;
    family(
        to,
        "scrip_http_commands_total",
        "Commands by result: confirmed by the queue, or decided in time.",
        counters
            .commands()
            .into_iter()
            .map(|(result, count)| ([("result", result)], ConstCounter::new(count))),
    )?;
    family(
        to,
        "scrip_payment_events_total",
        "Events of payment providers by provider, kind and status.",
        counters
            .payments()
            .all()
            .into_iter()
            .map(|((provider, kind, status), count)| {
                let labels = [("provider", provider), ("kind", kind), ("status", status)];
                (labels, ConstCounter::new(count))
            }),
    )?;
    let tls = counters.tls();
    family(
        to,
        "scrip_http_handshakes_total",
        "TLS handshakes by result.",
        tls.handshakes()
            .into_iter()
            .map(|(result, count)| ([("result", result)], ConstCounter::new(count))),
    )?;
    if let Some(end) = tls.end() {
        single(
            to,
            "scrip_http_certificate_end_timestamp_seconds",
            "End of the validity of the certificate in use.",
            ConstGauge::new(end),
        )?;
    }
    single(
        to,
        "scrip_http_connections",
        "Open connections to the HTTP server.",
        ConstGauge::new(counters.connections()),
    )
}
