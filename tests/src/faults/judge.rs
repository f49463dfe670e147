//! What was sent, against what the ledger and the dead letters hold.

use std::collections::{BTreeMap, HashMap, HashSet};

use scrip::verify;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::Value;

use super::{
    expect::{Decided, Wallet},
    load::Sendings,
};

/// How many findings of a kind are told in full.
const TOLD: usize = 5;

/// What a row of the table says.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Commands that were confirmed, each counted once.
    pub confirmed: usize,
    /// Confirmed, and neither in the ledger nor among the dead letters; or dead letters that are valid commands.
    pub lost: usize,
    /// Applied more than once, or applied and set aside.
    pub doubled: usize,
    /// Decided before one that the same user sent earlier.
    pub out_of_order: usize,
    /// Whatever is not as it must be, in words.
    pub wrong: Vec<String>,
}

/// What has to be judged differently.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leniency {
    /// The order of commands is not promised here.
    pub any_order: bool,
}

struct Row {
    reference: String,
    user: String,
    decided: Decided,
}

/// Compares. `dead` are the dead letters as `scrip dead list --json` shows them; those whose reference begins with
/// `bad-` are expected there.
pub async fn judge(
    ledger: &DatabaseConnection,
    sendings: &Sendings,
    dead: &[Value],
    leniency: Leniency,
) -> Findings {
    let rows = decided(ledger).await;
    let mut findings = Findings {
        confirmed: sendings.commands.len(),
        ..Findings::default()
    };
    let mut in_ledger = HashMap::<&str, usize>::new();
    for row in &rows {
        *in_ledger.entry(row.reference.as_str()).or_default() += 1;
    }
    findings.told(
        "applied twice",
        in_ledger
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(reference, _)| *reference),
        |f| &mut f.doubled,
    );
    let mut set_aside = HashSet::new();
    for letter in dead {
        let reference = letter["referenceId"].as_str().unwrap_or_default();
        if reference.starts_with("bad-") || reference.is_empty() {
            continue;
        }
        set_aside.insert(reference);
        let why = format!("{reference}: {} {}", letter["reason"], letter["error"]);
        findings.told("a valid command was set aside", [why.as_str()], |f| &mut f.lost);
    }
    findings.told(
        "applied and set aside",
        set_aside
            .iter()
            .filter(|reference| in_ledger.contains_key(**reference))
            .copied(),
        |f| &mut f.doubled,
    );
    let missing = sendings.commands.iter().map(|sent| sent.reference.as_str());
    let missing =
        missing.filter(|reference| !in_ledger.contains_key(reference) && !set_aside.contains(reference));
    findings.told("confirmed and gone", missing, |f| &mut f.lost);
    findings.compare(ledger, sendings, &rows, leniency).await;
    findings.check(ledger).await;
    findings
}

impl Findings {
    /// Whether all is as it must be.
    pub fn hold(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.out_of_order == 0 && self.wrong.is_empty()
    }

    fn told<'a>(
        &mut self,
        what: &str,
        found: impl IntoIterator<Item = &'a str>,
        count: impl Fn(&mut Self) -> &mut usize,
    ) {
        for reference in found {
            *count(self) += 1;
            if *count(self) <= TOLD {
                self.wrong.push(format!("{what}: {reference}"));
            }
        }
    }

    /// Each outcome and each balance, by what the wallet must have been in the order that the ledger decided in; and
    /// whether that is the order in which the commands were sent.
    async fn compare(
        &mut self,
        ledger: &DatabaseConnection,
        sendings: &Sendings,
        rows: &[Row],
        leniency: Leniency,
    ) {
        let places: HashMap<&str, (usize, &super::load::Sent)> = sendings
            .commands
            .iter()
            .enumerate()
            .map(|(place, sent)| (sent.reference.as_str(), (place, sent)))
            .collect();
        let mut wallets = BTreeMap::<&str, Wallet>::new();
        let mut last = HashMap::<&str, usize>::new();
        let (mut unordered, mut different) = (Vec::new(), Vec::new());
        for row in rows {
            let Some((place, sent)) = places.get(row.reference.as_str()) else {
                self.wrong
                    .push(format!("{}: applied, and nobody sent it", row.reference));
                continue;
            };
            let wallet = wallets.entry(sent.user.as_str()).or_default();
            let expected = wallet.decide(&sent.wish);
            if expected != row.decided || row.user != sent.user {
                different.push(format!(
                    "{} {:?}: {:?}, not {expected:?}",
                    row.reference, sent.wish, row.decided
                ));
            }
            let before = last.entry(sent.user.as_str()).or_insert(*place);
            if *before > *place {
                unordered.push(format!(
                    "{} of {} after {}",
                    row.reference, sent.user, sendings.commands[*before].reference
                ));
            }
            *before = *place;
        }
        if !leniency.any_order {
            self.told("out of order", unordered.iter().map(String::as_str), |f| {
                &mut f.out_of_order
            });
        }
        self.wrong.extend(different.into_iter().take(TOLD));
        for row in query(ledger, "SELECT user_id, balance FROM credits_balance").await {
            let user: String = row.try_get_by_index(0).expect("a user");
            let balance: i64 = row.try_get_by_index(1).expect("a balance");
            let expected = wallets.get(user.as_str()).map_or(0, |wallet| wallet.balance);
            if balance != expected {
                self.wrong
                    .push(format!("{user} has {balance} credits, not {expected}"));
            }
        }
    }

    async fn check(&mut self, ledger: &DatabaseConnection) {
        let options = verify::Options::default();
        let report = verify::verify(ledger, &options, chrono::Utc::now(), |_| {})
            .await
            .expect("a report");
        let violations = report.violations.iter().take(TOLD);
        self.wrong
            .extend(violations.map(|violation| format!("verify: {violation:?}")));
    }
}

/// The commands that have an outcome, in the order in which they were decided.
async fn decided(ledger: &DatabaseConnection) -> Vec<Row> {
    let sql = "SELECT reference_id, user_id, status, error_code, amount FROM credits_transaction \
               WHERE origin <> 'internal' ORDER BY id";
    let rows = query(ledger, sql).await;
    rows.iter()
        .map(|row| {
            let code: Option<String> = row.try_get_by_index(3).expect("a code");
            let status: String = row.try_get_by_index(2).expect("a status");
            Row {
                reference: row.try_get_by_index(0).expect("a reference"),
                user: row.try_get_by_index(1).expect("a user"),
                decided: Decided {
                    refused: code.or_else(|| (status != "COMPLETED").then_some(status)),
                    amount: row.try_get_by_index(4).expect("an amount"),
                },
            }
        })
        .collect()
}

async fn query(ledger: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(ledger.get_database_backend(), sql);
    ledger.query_all_raw(statement).await.expect("rows")
}
