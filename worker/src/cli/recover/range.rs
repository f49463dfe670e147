//! The range of time that is recovered, and whether it is settled.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::at;
use crate::{cli::failure::Failure, position::Behind};

/// How much more than the range is read on both sides: positions have the times of workers, the
/// stream has those of the broker.
const MARGIN: TimeDelta = TimeDelta::seconds(30);
/// How far positions reach back. If the database has none of them, the range begins here.
const REMEMBERED: TimeDelta = TimeDelta::days(1);

/// A range of time whose commits the database may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// When the oldest of its commands was received: commands may wait before they are decided.
    pub begin: DateTime<Utc>,
}

impl Range {
    /// The range of the arguments, else that of the lost commits.
    pub fn new(
        (from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        behind: Option<&Behind>,
    ) -> Result<Option<Self>, Failure> {
        let earliest = |behind: &Behind| behind.first_missing - REMEMBERED;
        let lost_from = behind.map(|behind| behind.from.unwrap_or_else(|| earliest(behind)));
        let received = behind.and_then(|behind| behind.oldest_received);
        let received = received.filter(|_| from.is_none());
        let Some(from) = from.or(lost_from) else {
            return if to.is_some() {
                let text = "--to needs --from: the database lacks no remembered commit, so the \
                            range has no begin of its own";
                Err(Failure::new(text).as_usage())
            } else {
                Ok(None)
            };
        };
        let lost_to = behind.and_then(|behind| behind.to).filter(|to| *to >= from);
        let to = to.or(lost_to).unwrap_or_else(Utc::now);
        if from > to {
            let text = format!("--from is {}, which is after --to, {}", at(from), at(to));
            return Err(Failure::new(text).as_usage());
        }
        let begin = received.map_or(from, |received| received.min(from));
        Ok(Some(Self { from, to, begin }))
    }

    /// From when to when commands are read that arrived.
    pub fn widened(self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.begin - MARGIN, (self.to + MARGIN).min(Utc::now()))
    }

    /// The entry of the audit log that settles the range.
    pub fn settled(self, now: DateTime<Utc>) -> Value {
        // A later loss is not settled.
        json!({ "from": at(self.from), "until": at(self.to.min(now)) })
    }
}

/// What was found in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Whether the database lacks remembered commits.
    pub is_lost: bool,
    /// Whether the stream has everything since the begin of the range.
    pub reaches_back: bool,
    /// Number of commands that the database lacks.
    pub missing: u64,
    /// When the first of these had arrived, if the begin of the range is not given.
    pub first_arrived: Option<DateTime<Utc>>,
    /// Whether no command before the first of these was in the database, if the begin of the range
    /// is not given.
    pub begins_with_missing: bool,
}

/// The reasons for which a range does not count as settled, although every command of it that was
/// found may be decided.
pub fn unsettled(range: Range, found: &Found) -> Vec<String> {
    let mut reasons = Vec::new();
    let begin = at(range.begin);
    if !found.reaches_back {
        reasons.push(format!(
            "the retained commands do not reach back to {begin}: the others must be sent again by \
             the apps"
        ));
    }
    if found.is_lost && found.missing == 0 {
        reasons.push(
            "commits are lost, but every retained command of the range is in the database"
                .to_owned(),
        );
    }
    if found.first_arrived.is_some_and(|at| at < range.begin) {
        reasons.push(format!(
            "commands are missing that arrived before {begin}, so there may be earlier ones: give \
             an earlier begin with --from"
        ));
    } else if found.begins_with_missing {
        reasons.push(
            "the first retained command that was read is missing, so there may be earlier ones: \
             give an earlier begin with --from"
                .to_owned(),
        );
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn behind() -> Behind {
        Behind {
            from: Some(second(10)),
            first_missing: second(12),
            last_missing: second(18),
            to: Some(second(20)),
            oldest_received: None,
            missing: 2,
            workers: BTreeSet::new(),
            ids: BTreeSet::new(),
        }
    }

    #[test]
    fn arguments_override_the_range_of_the_lost_commits() {
        let behind = behind();
        let range = |from: Option<i64>, to: Option<i64>, behind: Option<&Behind>| {
            Range::new((from.map(second), to.map(second)), behind)
                .map(|range| range.map(|range| (range.from, range.to)))
        };
        let lost = Some(&behind);
        assert_eq!(range(None, None, None).unwrap(), None);
        assert_eq!(
            range(None, None, lost).unwrap(),
            Some((second(10), second(20)))
        );
        assert_eq!(
            range(Some(5), Some(30), lost).unwrap(),
            Some((second(5), second(30)))
        );
        assert!(range(None, Some(30), None).is_err());
        assert!(range(Some(30), Some(5), None).is_err());
        let unknown = Behind {
            from: None,
            ..behind
        };
        let (from, _) = range(None, None, Some(&unknown)).unwrap().unwrap();
        assert_eq!(from, second(12) - REMEMBERED);
    }

    #[test]
    fn reading_begins_with_the_oldest_command_of_the_lost_commits() {
        let behind = Behind {
            oldest_received: Some(second(-300)),
            ..behind()
        };
        let range = Range::new((None, None), Some(&behind)).unwrap().unwrap();
        assert_eq!((range.from, range.begin), (second(10), second(-300)));
        assert_eq!(range.widened().0, second(-330));
        // It is the range that is settled, not more.
        assert_eq!(range.settled(second(30))["from"], at(second(10)));
        assert_eq!(range.settled(second(30))["until"], at(second(20)));
        let given = Range::new((Some(second(11)), None), Some(&behind)).unwrap();
        assert_eq!(given.unwrap().begin, second(11));
    }

    #[test]
    fn a_range_without_its_retained_commands_is_not_settled() {
        let range = Range::new((None, None), Some(&behind())).unwrap().unwrap();
        let complete = Found {
            is_lost: true,
            reaches_back: true,
            missing: 3,
            first_arrived: Some(second(10)),
            begins_with_missing: false,
        };
        let reasons = |found| unsettled(range, &found).len();
        assert_eq!(reasons(complete), 0);
        let reaches_back = false;
        assert_eq!(
            reasons(Found {
                reaches_back,
                ..complete
            }),
            1
        );
        let missing = 0;
        assert_eq!(
            reasons(Found {
                missing,
                ..complete
            }),
            1
        );
        assert_eq!(range.settled(second(15))["until"], at(second(15)));
        let begins_with_missing = true;
        assert_eq!(
            reasons(Found {
                begins_with_missing,
                ..complete
            }),
            1
        );
        let first_arrived = Some(second(9));
        assert_eq!(
            reasons(Found {
                first_arrived,
                ..complete
            }),
            1
        );
    }
}
