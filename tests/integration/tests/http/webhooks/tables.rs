//! The rows of events, when processes handle the same event or many events.

use chrono::{TimeDelta, Utc};
use scrip::payments::{
    Event, LinkKey, LinkKind, Provider,
    tables::{self, OpenPosition, Outcome, StoredStatus},
};
use serde_json::json;
use testkit::{db::TestDatabase, ledger::TestLedger};

fn body(id: &str) -> String {
    json!({"id": id, "type": "refund.created", "data": {"object": {}}}).to_string()
}

fn unmapped(waits_for: &[LinkKey]) -> Outcome {
    Outcome {
        reason: Some("unknown_payment"),
        waits_for: waits_for.to_vec(),
        ..Outcome::new(StoredStatus::Unmapped)
    }
}

#[tokio::test]
async fn a_slower_process_does_not_overwrite_an_event_that_is_applied() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let store = ledger.another_store().await;
        let body = body("evt_1");
        let event = Event::read(Provider::Stripe, &body).expect("an event");
        let received = tables::receive(&store, &event, &body, Utc::now()).await;
        received.expect("stored");
        let find = async || {
            let found = tables::find(&store, Provider::Stripe, "evt_1").await;
            found.expect("readable").expect("stored")
        };
        let stored = find().await;
        let finish = async |outcome: Outcome| {
            let finished = tables::finish(&store, &stored, &outcome, Utc::now()).await;
            finished.expect("written")
        };
        let keys = ["pi_1", "ch_1"].map(|id| LinkKey::new(LinkKind::Payment, id));
        assert!(finish(unmapped(&keys)).await);
        for key in &keys {
            let waiting = tables::waiting(&store, Provider::Stripe, key).await;
            assert_eq!(waiting.expect("readable"), ["evt_1"]);
        }
        assert!(finish(Outcome::new(StoredStatus::Applied)).await);
        assert!(!finish(unmapped(&keys)).await);
        assert_eq!(find().await.status, StoredStatus::Applied);
        let waiting = tables::waiting(&store, Provider::Stripe, &keys[0]).await;
        assert_eq!(waiting.expect("readable"), [""; 0]);
        store.close().await.expect("closed");
    }
}

#[tokio::test]
async fn open_events_are_read_in_pages_oldest_first() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let store = ledger.another_store().await;
        let begin = Utc::now();
        for number in 0..501 {
            let body = body(&format!("evt_{number}"));
            let event = Event::read(Provider::Stripe, &body).expect("an event");
            let at = begin + TimeDelta::seconds(number / 2);
            let received = tables::receive(&store, &event, &body, at).await;
            received.expect("stored");
        }
        let (mut position, mut sizes) = (Some(OpenPosition::START), Vec::new());
        let mut last = None;
        while let Some(after) = position {
            let page = tables::open_events(&store, Provider::Stripe, after).await;
            let (events, next) = page.expect("readable");
            sizes.push(events.len());
            last = events.last().cloned().or(last);
            position = next;
        }
        assert_eq!(sizes, [500, 1, 0]);
        assert_eq!(last.as_deref(), Some("evt_500"));
        store.close().await.expect("closed");
    }
}
