//! Compares the commands that were sent with the ledger and the dead letters.

use std::collections::{BTreeMap, HashMap, HashSet};

use scrip::verify;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::Value;

use super::{
    expect::{Decided, Wallet},
    load::Sendings,
};

/// The maximum number of findings of a kind that are described.
const MAX_DESCRIBED: usize = 5;

/// The findings of a row.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The number of confirmed commands. Copies do not count.
    pub confirmed: usize,
    /// The number of confirmed commands that are neither in the ledger nor among the dead letters,
    /// plus the number of dead letters that are valid commands.
    pub lost: usize,
    /// The number of commands that were applied more than once, or applied and dead-lettered.
    pub doubled: usize,
    /// The number of commands that were decided before an earlier command of the same user.
    pub out_of_order: usize,
    /// Descriptions of everything that is wrong.
    pub wrong: Vec<String>,
}

/// Expectations that do not apply to a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leniency {
    /// Whether commands may be applied in any order.
    pub any_order: bool,
}

struct Row {
    reference: String,
    user: String,
    decided: Decided,
}

/// Compares the sent commands with the ledger and the dead letters. `dead` is the output of
/// `scrip dead list --json`. Dead letters whose reference begins with `bad-` are expected.
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
    findings.record(
        "applied twice",
        in_ledger
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|(reference, _)| *reference),
        |f| &mut f.doubled,
    );
    let mut dead_lettered = HashSet::new();
    for letter in dead {
        let reference = letter["referenceId"].as_str().unwrap_or_default();
        if reference.starts_with("bad-") || reference.is_empty() {
            continue;
        }
        dead_lettered.insert(reference);
        let why = format!("{reference}: {} {}", letter["reason"], letter["error"]);
        findings.record("a valid command was dead-lettered", [why.as_str()], |f| {
            &mut f.lost
        });
    }
    findings.record(
        "applied and dead-lettered",
        dead_lettered
            .iter()
            .filter(|reference| in_ledger.contains_key(**reference))
            .copied(),
        |f| &mut f.doubled,
    );
    let missing = sendings.commands.iter().map(|sent| sent.reference.as_str());
    let missing = missing.filter(|reference| {
        !in_ledger.contains_key(reference) && !dead_lettered.contains(reference)
    });
    findings.record("confirmed and missing", missing, |f| &mut f.lost);
    findings.compare(ledger, sendings, &rows, leniency).await;
    findings.check(ledger).await;
    findings
}

impl Findings {
    /// Whether there is no error.
    pub fn hold(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.out_of_order == 0 && self.wrong.is_empty()
    }

    /// Counts errors of one kind and describes the first ones.
    fn record<'a>(
        &mut self,
        kind: &str,
        errors: impl IntoIterator<Item = &'a str>,
        count: impl Fn(&mut Self) -> &mut usize,
    ) {
        for error in errors {
            *count(self) += 1;
            if *count(self) <= MAX_DESCRIBED {
                self.wrong.push(format!("{kind}: {error}"));
            }
        }
    }

    /// Compares each outcome and each balance with the model, which applies the commands in the
    /// order of the ledger's decisions. Also compares this order with the order of sending.
    async fn compare(
        &mut self,
        ledger: &DatabaseConnection,
        sendings: &Sendings,
        rows: &[Row],
        leniency: Leniency,
    ) {
        let by_reference: HashMap<&str, (usize, &super::load::Sent)> = sendings
            .commands
            .iter()
            .enumerate()
            .map(|(index, sent)| (sent.reference.as_str(), (index, sent)))
            .collect();
        let mut wallets = BTreeMap::<&str, Wallet>::new();
        let mut last = HashMap::<&str, usize>::new();
        let (mut unordered, mut different) = (Vec::new(), Vec::new());
        for row in rows {
            let Some((index, sent)) = by_reference.get(row.reference.as_str()) else {
                self.wrong
                    .push(format!("{}: applied, but never sent", row.reference));
                continue;
            };
            let wallet = wallets.entry(sent.user.as_str()).or_default();
            let expected = wallet.decide(&sent.intent);
            if expected != row.decided || row.user != sent.user {
                different.push(format!(
                    "{} {:?}: {:?}, not {expected:?}",
                    row.reference, sent.intent, row.decided
                ));
            }
            let before = last.entry(sent.user.as_str()).or_insert(*index);
            if *before > *index {
                unordered.push(format!(
                    "{} of {} after {}",
                    row.reference, sent.user, sendings.commands[*before].reference
                ));
            }
            *before = *index;
        }
        if !leniency.any_order {
            self.record("out of order", unordered.iter().map(String::as_str), |f| {
                &mut f.out_of_order
            });
        }
        self.wrong.extend(different.into_iter().take(MAX_DESCRIBED));
        for row in query(ledger, "SELECT user_id, balance FROM credits_balance").await {
            let user: String = row.try_get_by_index(0).expect("a user");
            let balance: i64 = row.try_get_by_index(1).expect("a balance");
            let expected = wallets
                .get(user.as_str())
                .map_or(0, |wallet| wallet.balance);
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
        let violations = report.violations.iter().take(MAX_DESCRIBED);
        self.wrong
            .extend(violations.map(|violation| format!("verify: {violation:?}")));
    }
}

/// The commands with an outcome, in the order of the decisions.
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
