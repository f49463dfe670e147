//! Checks that the granted periods are those that were due, each with the credits of its plan.

use chrono::{DateTime, Utc};
use ledger::{
    Action, Command, MonthlyGrant, Origin, Posting, Refusal, Skipped, Source, TransactionType,
    Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::expected::{Due, Sight, spendable};

/// The maximum number of periods that one command grants.
const MAX_PERIODS: usize = 120;

/// The postings of the periods that were due.
#[derive(Clone, Copy)]
pub struct Granted<'a> {
    pub postings: &'a [Posting],
    /// The event that caused them.
    pub event: Option<Uuid>,
    /// The wallet before them.
    pub was: Option<&'a Wallet>,
    pub is: &'a Wallet,
}

impl Granted<'_> {
    /// Checks every posting against the periods that were due before the first one, in order.
    pub fn check(self, sight: Sight<'_>, due: &[Due]) -> Result<(), TestCaseError> {
        prop_assert_eq!(
            self.postings.len(),
            due.len().min(MAX_PERIODS),
            "due were {:?}",
            due
        );
        let mut full = self.was.map_or(0, |wallet| spendable(wallet, sight.now));
        for (grant, due) in self.postings.iter().zip(due) {
            prop_assert_eq!(grant.subscription_id.as_ref(), Some(&due.subscription_id));
            prop_assert_eq!(grant.period_start, Some(due.month.start));
            let headroom = (sight.rules.max_user_balance - full).max(0);
            self.check_one(sight, grant, due, headroom)?;
            full += grant.amount;
        }
        Ok(())
    }

    fn check_one(
        self,
        sight: Sight<'_>,
        grant: &Posting,
        due: &Due,
        headroom: i64,
    ) -> Result<(), TestCaseError> {
        let job = job(&grant.user_id, &due.subscription_id, due.month.start);
        prop_assert_eq!(grant.kind, TransactionType::MonthlyGrant);
        prop_assert_eq!(
            (grant.origin, &grant.reference_id),
            (job.origin, &job.reference_id)
        );
        prop_assert_eq!(grant.fingerprint, Some(job.fingerprint()));
        prop_assert_eq!(grant.related_id, self.event);
        let credits = sight.rules.plans[&due.month.plan].credits * due.month.quantity;
        let (refusal, skipped, amount, clipped) = match sight.skipped(due) {
            Some(skipped) => (None, Some(skipped), 0, None),
            None if headroom == 0 => (Some(Refusal::MaxBalanceReached), None, 0, Some(credits)),
            None => (
                None,
                None,
                credits.min(headroom),
                (credits > headroom).then(|| credits - headroom),
            ),
        };
        let detail: (Option<Skipped>, Option<i64>) = (grant.detail.skipped, grant.detail.clipped);
        prop_assert!(
            (grant.refusal, grant.amount, detail) == (refusal, amount, (skipped, clipped)),
            "expected {:?} for {due:?}, found {grant:?}",
            (refusal, amount, skipped, clipped)
        );
        let mut batches = self.is.batches().iter();
        let batch = batches.find(|batch| batch.transaction_id == grant.id);
        prop_assert_eq!(batch.is_some(), amount > 0);
        if let Some(batch) = batch {
            prop_assert_eq!((batch.amount, batch.source), (amount, Source::Subscription));
            prop_assert_eq!(batch.source_plan.as_ref(), Some(&due.month.plan));
            prop_assert_eq!(batch.issued_at, sight.now);
            prop_assert_eq!(batch.expires_at, Some(sight.expiry(&due.month)));
            let month = due.month.start.format("%Y-%m").to_string();
            prop_assert_eq!(batch.grant_period.as_ref(), Some(&month));
        }
        Ok(())
    }
}

/// The job's command for a period.
pub fn job(user: &str, id: &str, start: DateTime<Utc>) -> Command {
    Command {
        origin: Origin::Internal,
        reference_id: format!("grant:{id}:{}", start.format("%Y-%m-%d")),
        user_id: user.to_owned(),
        occurred_at: None,
        received_at: None,
        sender: None,
        description: None,
        metadata: None,
        action: Action::MonthlyGrant(MonthlyGrant {
            subscription_id: id.to_owned(),
            period_start: start,
        }),
    }
}
