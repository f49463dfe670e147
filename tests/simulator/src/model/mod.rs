//! The reference model: the expected result of every message. It follows `docs/concepts` and
//! `docs/reference`, and shares no code with the ledger.
//!
//! | file | content |
//! |---|---|
//! | `answer` | the outcome of a message |
//! | `account` | a user's batches, counters and records |
//! | `subscription` | the timeline of a subscription, and its periods that are due |
//! | `grants` | the grants of periods that are due |
//! | `decide` | the decision about one message |
//! | `holds` | credits that are reserved |
//! | `refund` | the return of credits |
//! | `debts` | deposits, revocations and debts |
//! | `revoke` | credits that are taken back, and returned |
//! | `jobs` | the nightly jobs |

mod account;
mod answer;
mod debts;
mod decide;
mod grants;
mod holds;
mod jobs;
mod refund;
mod revoke;
mod subscription;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use account::{Account, Batch, Row};
pub use answer::Answer;
pub use holds::{Hold, Slice};
pub use jobs::{Expired, Granted};
pub use subscription::Subscription;
use subscription::Timeline;

use super::{
    At,
    message::{Message, Request},
    rulebook::Rulebook,
};

/// The state of the ledger according to the model.
#[derive(Clone, Debug)]
pub struct Model {
    /// The rules of the current day.
    pub rules: Rulebook,
    /// The accounts by user. An account may have no wallet.
    pub accounts: BTreeMap<String, Account>,
    /// The references and error codes of paid messages that could not be applied.
    pub unapplied: Vec<(String, &'static str)>,
    /// The number of periods that were granted before the decision about a message.
    pub granted_first: u64,
    /// The number of events after which a period waits because other events may still be on their
    /// way.
    pub waited: u64,
    /// The content and the outcome of each reference. The key also says whether the origin is
    /// usage.
    answered: HashMap<(bool, String), (String, Answer)>,
    /// The user of each subscription id.
    owners: HashMap<String, String>,
    /// The subscriptions of each user.
    timelines: BTreeMap<String, Vec<Timeline>>,
    /// The deposits, revocations and debts of each user.
    debts: HashMap<String, debts::Debts>,
    /// The payments that were credited.
    payments: HashSet<String>,
    /// For each use and capture, by user and reference, the credits that were not refunded: the index of the
    /// batch that they came from, and their number, in the order of taking.
    taken: HashMap<(String, String), Vec<(usize, i64)>>,
}

impl Model {
    /// The model of an empty ledger.
    pub fn new(rules: Rulebook) -> Self {
        Self {
            rules,
            accounts: BTreeMap::new(),
            unapplied: Vec::new(),
            granted_first: 0,
            waited: 0,
            answered: HashMap::new(),
            owners: HashMap::new(),
            timelines: BTreeMap::new(),
            debts: HashMap::new(),
            payments: HashSet::new(),
            taken: HashMap::new(),
        }
    }

    /// The summaries of a user's subscriptions.
    pub fn subscriptions(&self, user: &str) -> Vec<Subscription> {
        let timelines = self.timelines.get(user).into_iter().flatten();
        timelines.map(|timeline| timeline.row.clone()).collect()
    }

    /// Applies a message that is received and committed at `now`, and returns its expected outcome.
    pub fn apply(&mut self, message: &Message, now: At) -> Answer {
        let key = (message.is_usage(), message.reference.clone());
        let decided = match self.answered.get(&key) {
            Some((content, answer)) if *content == message.content() => {
                return Answer {
                    replayed: true,
                    available: None,
                    ..answer.clone()
                };
            }
            Some(_) => Err(decide::Refused::bare("reference_conflict")),
            None => self.decide(message, now),
        };
        let refused = match decided {
            Ok(answer) => {
                let known = (message.content(), answer.clone());
                self.answered.insert(key, known);
                return answer;
            }
            Err(refused) => refused,
        };
        let is_early = matches!(message.request, Request::Revoke { .. })
            && refused.code == "original_not_found";
        if message.is_paid() && refused.code != "duplicate_payment" || is_early {
            self.unapplied
                .push((message.reference.clone(), refused.code));
            return Answer::refused(&refused);
        }
        let mut answer = Answer::refused(&refused);
        if refused.code == "reference_conflict" {
            return answer;
        }
        let account = self.accounts.entry(message.user.clone()).or_default();
        if account.is_open {
            answer.balance = Some(account.balance());
            answer.available = Some(account.spendable(now));
        }
        if refused.is_final() {
            account.refuse(message, &refused, decide::effective(message, now));
            self.answered
                .insert(key, (message.content(), answer.clone()));
        }
        answer
    }
}
