//! What must come of every message: `SEMANTICS.md` once more, slow and plain, without a line of the ledger's.
//!
//! | file | what |
//! |---|---|
//! | `answer` | what the sender of a message is told |
//! | `account` | a user's batches and what is counted of them |
//! | `subscription` | what is known of a subscription, and which of its months are due |
//! | `grants` | the months that are due of a user |
//! | `decide` | one message |
//! | `jobs` | what the nightly jobs do |

mod account;
mod answer;
mod decide;
mod grants;
mod jobs;
mod subscription;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use account::{Account, Batch, Row};
pub use answer::Answer;
pub use jobs::{Expired, Granted};
use subscription::Course;
pub use subscription::Subscription;

use super::{At, message::Message, rulebook::Rulebook};

/// Everything that is known after some messages.
#[derive(Clone, Debug)]
pub struct Model {
    /// The rules of the day.
    pub rules: Rulebook,
    /// Users by name; not all have a wallet.
    pub accounts: BTreeMap<String, Account>,
    /// References of what was paid for and could not be applied, each with its code.
    pub unapplied: Vec<(String, &'static str)>,
    /// Months that were granted before a message was looked at.
    pub granted_first: u64,
    /// How often a month waited for news that may have been on their way when a subscription was reported on.
    pub waited: u64,
    answered: HashMap<(bool, String), (String, Answer)>,
    owners: HashMap<String, String>,
    /// The subscriptions of each user.
    courses: BTreeMap<String, Vec<Course>>,
    /// The payments that were credited.
    payments: HashSet<String>,
}

impl Model {
    /// Before anything happened.
    pub fn new(rules: Rulebook) -> Self {
        Self {
            rules,
            accounts: BTreeMap::new(),
            unapplied: Vec::new(),
            granted_first: 0,
            waited: 0,
            answered: HashMap::new(),
            owners: HashMap::new(),
            courses: BTreeMap::new(),
            payments: HashSet::new(),
        }
    }

    /// The summaries of a user's subscriptions.
    pub fn subscriptions(&self, user: &str) -> Vec<Subscription> {
        let courses = self.courses.get(user).into_iter().flatten();
        courses.map(|course| course.row.clone()).collect()
    }

    /// What must come of a message that is received and committed at `now`.
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
        if message.is_paid() && refused.code != "duplicate_payment" {
            self.unapplied.push((message.reference.clone(), refused.code));
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
            self.answered.insert(key, (message.content(), answer.clone()));
        }
        answer
    }
}
