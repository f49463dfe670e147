//! Refunds, revocations, revenue and debt in a report.

use ledger::RevokeExtent;
use scrip::read::report::{DebtTotals, Refunds, Revenue, Revocations};
use testkit::{
    db::TestDatabase,
    ledger::{TestLedger, consume, forgive, promote, refund, reinstate, revoke},
    process::Deployment,
};

use super::{credits, day, paid, report};

/// Two purchases of 100 credits for 10.00 and 20.00. A quarter of the first one is revoked after
/// 80 of its credits were spent, and all of the second one, which is reinstated in November.
async fn story(ledger: &mut TestLedger) {
    ledger.now = day("2026-09-10");
    ledger
        .settle(&[
            paid("p1", "ann", credits(100, 365), Some((10_000_000, "USD"))),
            consume("c1", "ann", 80),
        ])
        .await;
    ledger.now = day("2026-10-10");
    let quarter = RevokeExtent::AmountRefunded(2_500_000);
    ledger
        .settle(&[
            revoke("r1", "ann", "p1", quarter),
            promote("g1", "ann", 4, None),
            forgive("f1", "ann", None),
            refund("b1", "ann", "c1", Some(10)),
            paid("p2", "bob", credits(100, 365), Some((20_000_000, "USD"))),
            revoke("r2", "bob", "p2", RevokeExtent::All),
        ])
        .await;
    ledger.now = day("2026-11-10");
    ledger.settle(&[reinstate("w1", "bob", "r2")]).await;
    ledger.verify().await;
}

/// The amounts of money as texts.
fn amounts(revenue: &[Revenue]) -> Vec<[String; 4]> {
    let amounts = revenue.iter().map(|one| {
        [
            one.net.currency().to_owned(),
            one.paid.to_string(),
            one.revoked.to_string(),
            one.net.to_string(),
        ]
    });
    amounts.collect()
}

/// Conformance: Revocations and debt: The report shows refunds and revocations by month, the net
/// revenue, and what happened to the debts
#[tokio::test]
async fn revocations_are_reported_by_month_with_revenue_and_debt() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;

        let october = report(&ledger, "2026-10-01", "2026-11-01").await;
        assert!(october.adds_up);
        assert_eq!((october.opening, october.closing), (20, 10));
        assert_eq!(
            (october.refunded, october.revoked, october.repaid),
            (10, 120, 4)
        );
        assert_eq!(
            october.refunds,
            [Refunds {
                month: "2026-10".to_owned(),
                service: "google:chat".to_owned(),
                refunds: 1,
                credits: 10,
            }]
        );
        assert_eq!(
            october.revocations,
            [Revocations {
                month: "2026-10".to_owned(),
                kind: "purchase".to_owned(),
                plan: None,
                revocations: 2,
                revoked: 125,
                taken: 120,
                indebted: 5,
                reinstated: 0,
            }]
        );
        let usd = ["USD", "20.00", "22.50", "-2.50"].map(str::to_owned);
        assert_eq!(amounts(&october.revenue), [usd]);
        let debt = DebtTotals {
            created: 5,
            repaid: 4,
            forgiven: 1,
            ..DebtTotals::default()
        };
        assert_eq!(october.debt, debt);

        let november = report(&ledger, "2026-11-01", "2026-12-01").await;
        assert!(november.adds_up);
        assert_eq!((november.opening, november.closing), (10, 110));
        assert_eq!((november.revoked, november.reinstated), (0, 100));
        let usd = ["USD", "0.00", "-20.00", "20.00"].map(str::to_owned);
        assert_eq!(amounts(&november.revenue), [usd]);
        assert_eq!(november.debt, DebtTotals::default());
    }
}

/// The output of `scrip report` about October.
async fn october(database: &TestDatabase, flags: &[&str]) -> String {
    let mut deployment = Deployment::embedded();
    deployment.set("DATABASE_URL", database.url());
    let days = ["report", "--from", "2026-10-01", "--to", "2026-10-31"];
    deployment.succeed(&[&days, flags].concat()).await
}

/// Conformance: Configuration and command line: `scrip report` shows refunds and revocations by
/// month, revenue and debt, as tables and as CSV
#[tokio::test]
async fn revocations_are_printed_as_tables_and_as_csv() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        story(&mut ledger).await;
        let csv = october(&ledger.database, &["--csv"]).await;
        for line in [
            "refunded by month,google:chat,2026-10,,1,10,",
            "revoked by month,purchase,2026-10,,2,125,",
            "taken by month,purchase,2026-10,,,120,",
            "indebted by month,purchase,2026-10,,,5,",
            "reinstated by month,purchase,2026-10,,,0,",
            "revenue,paid,,USD,,,20.00",
            "revenue,revoked,,USD,,,22.50",
            "revenue,net,,USD,,,-2.50",
            "debt,opening,,,,0,",
            "debt,created,,,,5,",
            "debt,repaid,,,,4,",
            "debt,forgiven,,,,1,",
            "debt,cancelled,,,,0,",
            "debt,closing,,,,0,",
        ] {
            assert!(csv.lines().any(|found| found == line), "{line} in\n{csv}");
        }
        let tables = october(&ledger.database, &[]).await;
        let rows: Vec<Vec<&str>> = tables
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        for row in [
            &["2026-10", "google:chat", "1", "10"][..],
            &["2026-10", "purchase", "2", "125", "120", "5", "0"],
            &["20.00", "22.50", "-2.50", "USD"],
            &["+", "created", "by", "revocations", "5"],
            &["-", "repaid", "4"],
            &["-", "forgiven", "1"],
        ] {
            assert!(
                rows.iter().any(|found| found == row),
                "{row:?} in\n{tables}"
            );
        }
    }
}

#[tokio::test]
async fn debts_are_carried_from_one_report_to_the_next() {
    for database in TestDatabase::each().await {
        let mut ledger = TestLedger::on(database).await;
        ledger.now = day("2026-09-10");
        ledger
            .settle(&[
                promote("g1", "ann", 50, None),
                consume("c1", "ann", 50),
                revoke("r1", "ann", "g1", RevokeExtent::All),
            ])
            .await;
        ledger.now = day("2026-10-10");
        ledger.settle(&[promote("g2", "ann", 20, None)]).await;
        ledger.now = day("2026-11-10");
        ledger.settle(&[reinstate("w1", "ann", "r1")]).await;
        let october = report(&ledger, "2026-10-01", "2026-11-01").await;
        let debt = october.debt;
        assert_eq!((debt.opening, debt.repaid, debt.closing), (50, 20, 30));
        let november = report(&ledger, "2026-11-01", "2026-12-01").await;
        let debt = november.debt;
        assert_eq!((debt.opening, debt.cancelled, debt.closing), (30, 30, 0));
        assert_eq!((november.opening, november.closing), (0, 20));
        assert!(october.adds_up && november.adds_up);
    }
}
