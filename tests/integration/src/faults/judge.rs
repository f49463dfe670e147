//! Compares the commands that were sent with the ledger and the dead letters.

use std::collections::{BTreeMap, HashMap, HashSet};

use scrip::verify;
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::Value;

use super::{
    expect::{Decided, Wallet},
    load::{Sendings, Sent},
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

/// The order in which a row must apply the commands of each user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The order of sending.
    #[default]
    Sent,
    /// A command that was sent after the confirm of another one is applied after it. The broker may
    /// have refused a message, and the producer has sent it again behind those under way.
    Confirmed,
    /// Any order.
    Any,
}

struct Row {
    reference: String,
    user: String,
    decided: Decided,
}

/// Compares the sent commands with the ledger and the dead letters. `dead` is the output of
/// `scrip dead list --json`. Dead letters whose reference begins with `bad-` are expected, and those of
/// revocations that overtook their deposits if the order allows it.
pub async fn judge(
    ledger: &DatabaseConnection,
    sendings: &Sendings,
    dead: &[Value],
    order: Order,
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
        // The revocation overtook its deposit. It is kept, and waits for a replay.
        if order != Order::Sent && letter["reason"] == "unapplied:original_not_found" {
            continue;
        }
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
    findings.compare(ledger, sendings, &rows, order).await;
    findings.check(ledger).await;
    findings
}

/// The commands of one user that were applied so far.
#[derive(Default)]
struct Applied<'a> {
    last: Option<&'a Sent>,
    /// The one that was sent last.
    latest: Option<&'a Sent>,
}

impl<'a> Applied<'a> {
    /// The command that was applied before `sent`, although it must not overtake it.
    fn overtaking(&self, sent: &Sent, order: Order) -> Option<&'a Sent> {
        match order {
            Order::Sent => self.last.filter(|last| last.sent_at > sent.sent_at),
            Order::Confirmed => {
                let confirmed_at = *sent.confirmed_at.get()?;
                self.latest.filter(|latest| latest.sent_at > confirmed_at)
            }
            Order::Any => None,
        }
    }

    fn add(&mut self, sent: &'a Sent) {
        self.last = Some(sent);
        if self
            .latest
            .is_none_or(|latest| latest.sent_at < sent.sent_at)
        {
            self.latest = Some(sent);
        }
    }
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
        order: Order,
    ) {
        let by_reference: HashMap<&str, &Sent> = sendings
            .commands
            .iter()
            .map(|sent| (sent.reference.as_str(), sent))
            .collect();
        let mut wallets = BTreeMap::<&str, Wallet>::new();
        let mut applied = HashMap::<&str, Applied<'_>>::new();
        let (mut unordered, mut different) = (Vec::new(), Vec::new());
        for row in rows {
            let Some(sent) = by_reference.get(row.reference.as_str()) else {
                self.wrong
                    .push(format!("{}: applied, but never sent", row.reference));
                continue;
            };
            let wallet = wallets.entry(sent.user.as_str()).or_default();
            let expected = wallet.decide(&sent.reference, &sent.intent, &row.decided);
            if expected != row.decided || row.user != sent.user {
                different.push(format!(
                    "{} {:?}: {:?}, not {expected:?}",
                    row.reference, sent.intent, row.decided
                ));
            }
            let before = applied.entry(sent.user.as_str()).or_default();
            if let Some(before) = before.overtaking(sent, order) {
                unordered.push(format!(
                    "{} of {} after {}",
                    row.reference, sent.user, before.reference
                ));
            }
            before.add(sent);
        }
        self.record("out of order", unordered.iter().map(String::as_str), |f| {
            &mut f.out_of_order
        });
        self.wrong.extend(different.into_iter().take(MAX_DESCRIBED));
        let sql = "SELECT user_id, balance, held, debt FROM credits_balance";
        for row in query(ledger, sql).await {
            let user: String = row.try_get_by_index(0).expect("a user");
            let number = |nth| row.try_get_by_index::<i64>(nth).expect("a number");
            let found = (number(1), number(2), number(3));
            let expected = wallets.get(user.as_str()).map_or((0, 0, 0), |wallet| {
                (wallet.balance, wallet.held(), wallet.debt)
            });
            if found != expected {
                self.wrong.push(format!(
                    "{user} has balance, held credits and debt {found:?}, not {expected:?}"
                ));
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
    let sql = "SELECT t.reference_id, t.user_id, t.status, t.error_code, t.amount, \
                      CAST(coalesce(r.repaid, 0) AS bigint) \
                 FROM credits_transaction t \
                 LEFT JOIN (SELECT related_id, -sum(amount) AS repaid FROM credits_transaction \
                             WHERE type = 'repayment' GROUP BY related_id) r ON r.related_id = t.id \
                WHERE t.origin <> 'internal' ORDER BY t.id";
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
                    repaid: row.try_get_by_index(5).expect("credits"),
                },
            }
        })
        .collect()
}

async fn query(ledger: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    let statement = Statement::from_string(ledger.get_database_backend(), sql);
    ledger.query_all_raw(statement).await.expect("rows")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::faults::expect::Intent;

    fn sent(began: Instant, sent_ms: u64, confirmed_ms: u64) -> Sent {
        let after = |ms| began + Duration::from_millis(ms);
        let confirmed_at = std::sync::OnceLock::from(after(confirmed_ms));
        Sent {
            user: String::new(),
            reference: sent_ms.to_string(),
            intent: Intent::Register,
            sent_at: after(sent_ms),
            confirmed_at: confirmed_at.into(),
        }
    }

    #[test]
    fn only_a_command_sent_before_the_confirm_may_overtake() {
        let began = Instant::now();
        let (first, under_way, later) = (sent(began, 1, 5), sent(began, 4, 6), sent(began, 7, 8));
        let overtaking = |before: [&Sent; 2], order| {
            let mut applied = Applied::default();
            for one in before {
                applied.add(one);
            }
            applied.overtaking(&first, order).is_some()
        };
        let same = [&under_way, &under_way];
        assert!(overtaking(same, Order::Sent));
        assert!(!overtaking(same, Order::Confirmed));
        assert!(overtaking([&later, &under_way], Order::Confirmed));
        assert!(!overtaking([&later, &under_way], Order::Any));
    }
}
