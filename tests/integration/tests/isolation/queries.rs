//! Hostile messages through the exchange of queries.

use producer_sdk::contract::QUERY_KEY;
use testkit::raw_amqp::RawProperties;

use crate::{
    attacker::Attacker,
    case::{Case, Expected},
    commands::{reply_tos, unreadable},
    fixture::{Fixture, WHALE},
};

/// The query with the largest result.
fn amplification(_: &str) -> String {
    format!(r#"{{"type":"batches","userId":"{WHALE}","all":true}}"#)
}

/// All kinds of messages that an app can send through the exchange of queries.
pub fn cases(fixture: &Fixture, attacker: &Attacker<'_>) -> Vec<Case> {
    let queries = fixture.topology.queries();
    let mut all = unreadable(fixture, &queries);
    for case in &mut all {
        if case.expected == Expected::Dropped {
            case.logged = Some("query with unreadable properties");
        }
    }
    let new = |name: String| {
        Case::new(name, queries.clone())
            .routing_key(QUERY_KEY.as_bytes())
            .text(amplification)
            .expected(Expected::Dropped)
    };
    for (name, reply_to, logged) in reply_tos(fixture) {
        let mut case = new(format!("a query with reply_to: {name}"))
            .property(RawProperties::REPLY_TO, reply_to);
        case.logged = logged;
        all.push(case);
    }
    let with_reply = |name: &str| {
        new(name.to_owned()).property(RawProperties::REPLY_TO, attacker.unread.clone())
    };
    all.extend([
        with_reply("the largest result, to a queue without a consumer"),
        new("a query without reply_to".to_owned()),
        with_reply("a query of random bytes").body(|_| (0..=255).cycle().take(5_000).collect()),
        with_reply("a query of 1 MiB").body(|_| vec![b'['; 1 << 20]),
        with_reply("a query of an unknown type").text(|_| r#"{"type":"everything"}"#.to_owned()),
        with_reply("a command as a query").text(|reference| {
            format!(r#"{{"type":"consume","referenceId":"{reference}","userId":"innocent-1","service":"s"}}"#)
        }),
        with_reply("a query with another routing key").routing_key(b"command"),
    ]);
    all
}
