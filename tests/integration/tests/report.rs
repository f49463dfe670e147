//! Reports with figures that can be computed by hand, on both databases.

mod revocations;

use chrono::{DateTime, Utc};
use ledger::{Action, Command, Consume, Item, Origin, Purchase, SubscriptionStatus::Active};
use scrip::read::{
    self,
    report::{Money, Report, Span},
};
use serde_json::{Value, json};
use testkit::{
    db::TestDatabase,
    ledger::{
        TestLedger, buy_credits, buy_package, command, consume, expire, grant_period, promote,
        refund, register, subscribe, use_service,
    },
};

fn day(text: &str) -> DateTime<Utc> {
    format!("{text}T00:00:00Z").parse().expect("an instant")
}

async fn report(ledger: &TestLedger, from: &str, until: &str) -> Report {
    let span = Span {
        from: day(from),
        until: day(until),
    };
    let report = read::report(ledger.store.read_connection(), span, 2).await;
    report.expect("a report")
}

fn paid(reference: &str, user: &str, item: Item, paid: Option<(i64, &str)>) -> Command {
    let action = Action::Purchase(Purchase {
        quantity: None,
        item,
        purchase_id: reference.to_owned(),
        purchase_line: None,
        paid_micros: paid.map(|(micros, _)| micros),
        currency: paid.map(|(_, currency)| currency.to_owned()),
    });
    command(Origin::Funding, reference, user, action)
}

fn credits(credits: i64, validity_days: i64) -> Item {
    Item::Credits {
        credits,
        validity_days: Some(validity_days),
    }
}

/// The events of three users in September and October 2026.
async fn story(ledger: &mut TestLedger) {
    ledger.now = day("2026-09-10");
    ledger
        .settle(&[
            // 20 credits until 10 October.
            register("s1", "ann"),
            // 100 credits until 9 December for 9.99 USD, and a bonus of 10.
            from("bridge", buy_package("p1", "ann", "lite")),
            // 300 credits until 30 September for 1,000 JPY.
            paid("p2", "bob", credits(300, 20), Some((1_000_000_000, "JPY"))),
            // 50 credits without a reported amount.
            paid("p3", "bob", credits(50, 100), None),
            subscribe("e1", "cyd", "sub_1", "pro", Active, ledger.now),
        ])
        .await;
    ledger.now = day("2026-09-20");
    ledger
        .settle(&[
            // 20 credits of the registration bonus, 10 of the package's bonus, 3 of the package.
            from("app", consume("c1", "ann", 33)),
            use_service("c2", "bob", "llm:tokens", Some(99_001)),
            use_service("c3", "bob", "google:image", Some(2)),
            from("app", consume("c4", "ann", 10_000)),
        ])
        .await;
    ledger.now = day("2026-10-05");
    // Of the 300 credits, 100 and 10 were spent, so 190 have expired.
    ledger.settle(&[expire("bob", ledger.now)]).await;
    ledger.now = day("2026-10-11");
    ledger
        .settle(&[
            grant_period("cyd", "sub_1", day("2026-10-10")),
            promote("g1", "cyd", 5, None),
            consume("c5", "cyd", 7),
            paid("p4", "ann", credits(3, 365), Some((1_000_000, "EUR"))),
        ])
        .await;
    // The purchase also granted the 10 credits of the free plan, which were due since 10 October
    // and are valid until 9 November. The consumption spends one of them first.
    ledger.settle(&[consume("c6", "ann", 1)]).await;
}

fn from(sender: &str, mut command: Command) -> Command {
    command.sender = Some(sender.to_owned());
    command
}

fn money(values: &[Money]) -> Vec<String> {
    values
        .iter()
        .map(|money| format!("{money} {}", money.currency()))
        .collect()
}

/// Conformance: Configuration and command line: `scrip report` shows credits sold, granted,
/// consumed, expired and owed, and money, as table, JSON or CSV
#[tokio::test]
async fn a_report_counts_all_sales_grants_consumption_refusals_and_expiries() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        let september =
            serde_json::to_value(report(&ledger, "2026-09-01", "2026-10-01").await).expect("JSON");
        assert_eq!(september["opening"], 0);
        assert_eq!(
            september["sold"],
            json!({ "purchases": 3, "credits": 450, "items": [
                { "purchases": 1, "credits": 50 },
                { "purchases": 1, "credits": 300, "paid": { "currency": "JPY", "amount": "1000" } },
                { "package": "lite", "purchases": 1, "credits": 100,
                  "paid": { "currency": "USD", "amount": "9.99" } },
            ] })
        );
        assert_eq!(
            september["granted"],
            json!([
                { "kind": "bonus", "plan": "lite", "grants": 1, "credits": 10 },
                { "kind": "monthly_grant", "plan": "pro", "grants": 1, "credits": 200 },
                { "kind": "registration_bonus", "grants": 1, "credits": 20 },
            ])
        );
        // The report lists two services and sums up the third.
        assert_eq!(
            september["consumed"],
            json!({ "commands": 3, "credits": 143, "services": [
                { "service": "llm:tokens", "commands": 1, "credits": 100,
                  "refunds": 0, "refunded": 0 },
                { "service": "google:chat", "commands": 1, "credits": 33,
                  "refunds": 0, "refunded": 0 },
            ], "others": { "commands": 1, "credits": 10, "refunds": 0, "refunded": 0 } })
        );
        assert_eq!(
            september["refused"],
            json!([{ "code": "insufficient_credits", "commands": 1 }])
        );
        // The grant of the subscription of `cyd` has no sender. The bonus of the package has the
        // sender of its purchase.
        assert_eq!(
            september["senders"],
            json!([
                { "applied": 6, "refused": 0, "credited": 20 + 300 + 50, "consumed": 110 },
                { "sender": "app", "applied": 1, "refused": 1, "credited": 0, "consumed": 33 },
                { "sender": "bridge", "applied": 1, "refused": 0, "credited": 110, "consumed": 0 },
            ])
        );
        assert_eq!(september["expired"]["paid"], 0);
        assert_eq!(september["closing"], 450 + 230 - 143);

        let october = report(&ledger, "2026-10-01", "2026-11-01").await;
        assert_eq!(october.opening, 537);
        // 190 of 300 credits for 1,000 JPY are worth 633.33 JPY.
        assert_eq!((october.expired.paid, october.expired.free), (190, 0));
        assert_eq!(money(&october.expired.value), ["633 JPY"]);
        assert_eq!(october.total_granted(), 200 + 10 + 5);
        assert_eq!(october.closing, 537 - 190 + 215 + 3 - 8);
        assert!(october.adds_up);
    }
}

/// Conformance: Configuration and command line: `scrip report` shows credits sold, granted,
/// consumed, expired and owed, and money, as table, JSON or CSV
#[tokio::test]
async fn a_report_has_the_owed_credits_of_any_instant_by_month_and_in_money() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        let owed = report(&ledger, "2026-09-01", "2026-10-01").await.owed;
        // 97 credits of the package and 50 without a price. The 190 of `bob` have expired, and the
        // expiry job takes them in October.
        assert_eq!(
            (owed.paid, owed.paid_without_price, owed.lapsed),
            (147, 50, 190)
        );
        assert_eq!((owed.subscription, owed.bonus), (200, 0));
        // 97 of 100 credits for 9.99 USD are worth 9.6903 USD.
        assert_eq!(money(&owed.value), ["9.69 USD"]);
        let months: Vec<_> = owed
            .months
            .iter()
            .map(|month| (month.month.as_deref(), month.paid, month.free))
            .collect();
        assert_eq!(
            months,
            [(Some("2026-10"), 0, 200), (Some("2026-12"), 147, 0)]
        );

        let owed = report(&ledger, "2026-10-01", "2026-10-31").await.owed;
        // The 200 credits of the plan's first month expired on 10 October and are not taken yet. Of
        // the second month 7 credits are spent, and of the free plan's 10 credits one.
        assert_eq!(
            (owed.paid, owed.subscription, owed.bonus),
            (150, 193 + 9, 5)
        );
        assert_eq!(owed.lapsed, 200);
        assert_eq!(money(&owed.value), ["1.00 EUR", "9.69 USD"]);
        let never = owed.months.last().expect("months");
        assert_eq!((never.month.as_deref(), never.free), (None, 5));
    }
}

#[tokio::test]
async fn the_service_with_the_most_credits_comes_first_with_any_sizes_of_amounts() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        ledger.now = day("2026-09-10");
        ledger.one(buy_credits("p", "ann", 10_000_000)).await;
        let use_it = |reference: &str, service: &str, credits| {
            let action = Action::Consume(Consume {
                service: service.to_owned(),
                amount: Some(credits),
                quantity: None,
            });
            command(Origin::Usage, reference, "ann", action)
        };
        let mut uses = vec![use_it("one", "large", 1_000_000), use_it("few", "tiny", 1)];
        uses.extend((0..3).map(|nth| use_it(&format!("many-{nth}"), "small", 900_000)));
        ledger.settle(&uses).await;
        let consumed = report(&ledger, "2026-09-01", "2026-10-01").await.consumed;
        let services: Vec<_> = consumed
            .services
            .iter()
            .map(|one| (one.service.as_str(), one.credits))
            .collect();
        assert_eq!(services, [("small", 2_700_000), ("large", 1_000_000)]);
        assert_eq!(consumed.others.map(|others| others.credits), Some(1));
    }
}

/// Conformance: Refunds: `scrip report` counts refunds by service
#[tokio::test]
async fn a_report_counts_refunds_by_service_in_the_period_of_the_refund() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        ledger.now = day("2026-11-05");
        ledger
            .settle(&[
                refund("b1", "bob", "c2", Some(20)),
                refund("b2", "bob", "c2", Some(30)),
                refund("b3", "bob", "c3", None),
                refund("b4", "bob", "c2", Some(1_000)),
            ])
            .await;
        ledger.verify().await;
        let november = report(&ledger, "2026-11-01", "2026-12-01").await;
        assert_eq!((november.refunded, november.adds_up), (60, true));
        let services = november.consumed.services.iter();
        let services: Vec<_> = services
            .map(|one| {
                (
                    one.service.as_str(),
                    one.commands,
                    one.refunds,
                    one.refunded,
                )
            })
            .collect();
        assert_eq!(
            services,
            [("google:image", 0, 1, 10), ("llm:tokens", 0, 2, 50)]
        );
        assert_eq!(november.consumed.others, None);
        // The batch of the refunded credits has expired. They are owed again for a week.
        assert_eq!(money(&november.expired.value), [""; 0]);
        let then = report(&ledger, "2026-11-01", "2026-11-06").await.owed;
        assert!(
            money(&then.value).contains(&"199.999999 JPY".to_owned()),
            "{then:?}"
        );
    }
}

/// Conformance: Configuration and command line: `scrip report` shows credits sold, granted,
/// consumed, expired and owed, and money, as table, JSON or CSV
#[tokio::test]
async fn the_report_of_a_closed_period_does_not_change() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        let before = report(&ledger, "2026-09-01", "2026-10-01").await;
        ledger.now = day("2027-03-01");
        ledger
            .settle(&[
                buy_credits("later", "ann", 1_000),
                expire("ann", ledger.now),
                expire("bob", ledger.now),
                expire("cyd", ledger.now),
                consume("later", "ann", 999),
            ])
            .await;
        assert_eq!(report(&ledger, "2026-09-01", "2026-10-01").await, before);
        ledger.verify().await;
    }
}

#[tokio::test]
async fn a_report_that_does_not_add_up_is_marked() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        let stolen = "UPDATE credits_batch SET remaining = remaining - 1 \
                      WHERE source_plan = 'lite' AND remaining > 50";
        ledger.database.execute(stolen).await;
        assert!(!report(&ledger, "2026-10-06", "2026-11-01").await.adds_up);
    }
}

#[tokio::test]
async fn an_empty_ledger_has_a_report() {
    for database in TestDatabase::each().await {
        let ledger = TestLedger::on(database).await;
        let report = report(&ledger, "2026-09-01", "2026-10-01").await;
        assert!(report.adds_up);
        assert_eq!(
            (report.opening, report.closing, report.owed.credits()),
            (0, 0, 0)
        );
        let json: Value =
            serde_json::from_str(&serde_json::to_string(&report).expect("JSON")).expect("JSON");
        assert_eq!(
            json["consumed"],
            json!({ "commands": 0, "credits": 0, "services": [] })
        );
    }
}

#[tokio::test]
async fn a_report_has_the_clipped_credits_by_kind() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        ledger.rules.max_user_balance = 100;
        ledger.now = day("2026-09-10");
        ledger
            .settle(&[
                promote("g1", "ann", 130, None),
                promote("g2", "bob", 100, None),
                promote("g3", "cyd", 101, None),
                // The cap clips this period to 0, and it is recorded as refused.
                subscribe("e1", "ann", "sub_1", "pro", Active, ledger.now),
            ])
            .await;
        let september =
            serde_json::to_value(report(&ledger, "2026-09-01", "2026-10-01").await).expect("JSON");
        assert_eq!(
            september["clipped"],
            json!([
                { "kind": "monthly_grant", "grants": 1, "credits": 200 },
                { "kind": "promotion", "grants": 2, "credits": 30 + 1 },
            ])
        );
    }
}
