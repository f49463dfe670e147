//! When a subscription is written, and the names of its statuses.

use ledger::{
    Book, Subscription,
    SubscriptionStatus::{self, Active, Canceled, Expired, PastDue, Paused, Trialing},
    status,
};

use crate::desk::{Desk, at, consume};

/// Replaces the book by one that is read from the rows that the old book writes.
fn read_again(desk: &mut Desk) {
    let old = std::mem::take(&mut desk.book);
    let written = old.changes();
    let mut book = Book::default();
    for known in written.subscriptions {
        let ids = (known.id.clone(), known.user_id.clone());
        let handled = written
            .postings
            .iter()
            .filter_map(|posting| posting.period_start);
        let events = known.events().to_vec();
        let state = (known.state.clone(), Some(known.state.since));
        book.add_subscription(Subscription::stored(
            ids,
            known.anchor,
            state,
            events,
            handled.collect(),
        ));
    }
    for wallet in old.into_wallets() {
        book.add_wallet(wallet);
    }
    desk.book = book;
}

#[test]
fn a_subscription_is_written_when_an_event_or_a_grant_changes_it_and_only_then() {
    let written = |desk: &Desk| desk.book.changes().subscriptions.len();
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    assert_eq!(written(&desk), 1, "a new one");
    read_again(&mut desk);
    desk.send(consume(1));
    assert_eq!(written(&desk), 0, "nothing was due");
    desk.now = at("2026-02-10");
    desk.send(consume(1));
    assert_eq!(written(&desk), 1, "a period was granted");
    let mut desk = Desk::new("2026-01-10");
    desk.event("2026-01-10", Active, "pro");
    read_again(&mut desk);
    desk.event("2026-01-10", Active, "pro");
    assert_eq!(written(&desk), 1, "an event arrived");
}

#[test]
fn each_status_has_one_name_on_the_wire_and_one_in_the_database() {
    let names = [
        (Active, "active", "ACTIVE"),
        (Trialing, "trialing", "TRIALING"),
        (PastDue, "past_due", "PAST_DUE"),
        (Paused, "paused", "PAUSED"),
        (Canceled, "canceled", "CANCELED"),
        (Expired, "expired", "EXPIRED"),
    ];
    for (status, word, name) in names {
        assert_eq!(status.as_str(), word);
        assert_eq!(status::stored_name(status), name);
        assert_eq!(word.parse(), Ok(status));
        assert_eq!(status::from_stored_name(name), Some(status));
    }
    assert!("ended".parse::<SubscriptionStatus>().is_err());
    assert!("ACTIVE".parse::<SubscriptionStatus>().is_err());
    assert_eq!(status::from_stored_name("active"), None);
}
