//! The expected state of holds, computed from the documented rules and independently of the ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ledger::{
    Action, Batch, Book, Capture, Command, DefaultPrice, Hold, HoldStatus, Late, MAX_AMOUNT,
    Origin, Outcome, Overrun, Posting, Refusal, Rules, TransactionType, Wallet,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    expected::{cost, effective, in_spending_order},
    steps::USERS,
};

/// A hold as the documented rules have it.
#[derive(Clone, Debug)]
pub struct Reserved {
    user: String,
    origin: Origin,
    reference: String,
    service: String,
    /// Whether the service had a price when the hold was made.
    is_priced: bool,
    /// Batch, reserved credits, and those of them that captures took.
    slices: Vec<(Uuid, i64, i64)>,
    charged: i64,
    status: HoldStatus,
    expires_at: DateTime<Utc>,
}

/// What a capture takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub batches: BTreeMap<Uuid, i64>,
    pub uncaptured: i64,
}

impl Taken {
    pub fn amount(&self) -> i64 {
        self.batches.values().sum()
    }
}

/// All holds that were made.
#[derive(Clone, Debug, Default)]
pub struct Holds(Vec<Reserved>);

impl Reserved {
    fn amount(&self) -> i64 {
        self.slices.iter().map(|(_, amount, _)| amount).sum()
    }

    fn is_open(&self) -> bool {
        self.status == HoldStatus::Open
    }
}

/// The expiry of a hold, if it is allowed.
pub fn expiry(hold: &Hold, at: DateTime<Utc>, rules: &Rules) -> Option<DateTime<Utc>> {
    let seconds = |seconds| at + TimeDelta::seconds(seconds);
    let expires_at = match hold.expires_at {
        Some(expires_at) => expires_at,
        None => hold
            .expires_in_seconds
            .map_or(at + TimeDelta::minutes(15), seconds),
    };
    (expires_at > at && expires_at - at <= rules.max_hold).then_some(expires_at)
}

impl Holds {
    /// The hold that a command names.
    fn named(&self, reference: &str, command: &Command) -> Option<usize> {
        let find = |origin| {
            self.0.iter().position(|hold| {
                hold.user == command.user_id && hold.reference == reference && hold.origin == origin
            })
        };
        let of_an_app = || find(Origin::Usage).filter(|_| command.origin == Origin::Funding);
        find(command.origin).or_else(of_an_app)
    }

    /// Ends the holds of the command's user that have expired. Before the decision, a capture that
    /// was sent in time keeps its hold open. Returns the batches that get credits back.
    pub fn end(
        &mut self,
        command: &Command,
        is_before: bool,
        rules: &Rules,
        now: DateTime<Utc>,
    ) -> Vec<Uuid> {
        let at = effective(command, rules, now);
        let spared = match &command.action {
            Action::Capture(capture) if is_before => self.named(&capture.hold, command),
            _ => None,
        };
        let mut returned = Vec::new();
        for (nth, hold) in self.0.iter_mut().enumerate() {
            let is_spared = spared == Some(nth) && at < hold.expires_at;
            if hold.user != command.user_id || !hold.is_open() || hold.expires_at > now || is_spared
            {
                continue;
            }
            hold.status = HoldStatus::Expired;
            let slices = hold
                .slices
                .iter()
                .filter(|(_, amount, captured)| amount > captured);
            returned.extend(slices.map(|(batch, ..)| *batch));
        }
        returned
    }

    /// The refusal of a release.
    pub fn release_refusal(&self, reference: &str, command: &Command) -> Option<Refusal> {
        match self.named(reference, command) {
            None => Some(Refusal::HoldNotFound),
            Some(nth) => (!self.0[nth].is_open()).then_some(Refusal::HoldClosed),
        }
    }

    /// What a capture takes, or its refusal.
    pub fn capture(
        &self,
        capture: &Capture,
        command: &Command,
        wallet: &Wallet,
        at: DateTime<Utc>,
    ) -> Result<Taken, Refusal> {
        let nth = self
            .named(&capture.hold, command)
            .ok_or(Refusal::HoldNotFound)?;
        let hold = &self.0[nth];
        let rest = hold.amount() - hold.charged;
        let cost = match (capture.amount, capture.quantity) {
            (None, None) => i128::from(rest),
            (None, Some(_)) if !hold.is_priced => return Err(Refusal::UnknownService),
            (amount, quantity) => cost(&hold.service, amount, quantity),
        };
        let cost = i64::try_from(cost)
            .ok()
            .filter(|cost| *cost <= MAX_AMOUNT)
            .ok_or(Refusal::InvalidAmount)?;
        if matches!(hold.status, HoldStatus::Captured | HoldStatus::Released) {
            return Err(Refusal::HoldClosed);
        }
        // What can be taken from each batch without the hold.
        let mut free: BTreeMap<Uuid, i64> = BTreeMap::new();
        for batch in wallet.batches() {
            free.insert(batch.id, batch.remaining - batch.held);
        }
        let mut taken = Taken::default();
        let mut take =
            |batch: Uuid, amount: i64| *taken.batches.entry(batch).or_default() += amount;
        let mut of_the_hold = cost.min(rest);
        for (batch, amount, captured) in &hold.slices {
            let most = if hold.is_open() {
                amount - captured
            } else if at < hold.expires_at {
                let free = free.entry(*batch).or_default();
                let most = (amount - captured).min(*free);
                *free -= most.min(of_the_hold);
                most
            } else {
                0
            };
            take(*batch, most.min(of_the_hold));
            of_the_hold -= most.min(of_the_hold);
        }
        if of_the_hold > 0 && capture.late == Some(Late::Reject) {
            return Err(Refusal::HoldClosed);
        }
        let beyond = (cost - rest).max(0);
        if beyond > 0 && capture.overrun == Some(Overrun::Reject) {
            return Err(Refusal::InsufficientCredits);
        }
        let mut missing = of_the_hold + beyond;
        for batch in in_spending_order(wallet, at) {
            let amount = missing.min(free[&batch.id]);
            take(batch.id, amount);
            missing -= amount;
        }
        if missing > 0 && capture.overrun != Some(Overrun::Cap) {
            return Err(Refusal::InsufficientCredits);
        }
        taken.uncaptured = missing;
        taken.batches.retain(|_, amount| *amount > 0);
        Ok(taken)
    }

    /// Records a command that was applied. `was` is the wallet before it.
    pub fn apply(
        &mut self,
        command: &Command,
        was: &Wallet,
        outcome: &Outcome,
        (rules, now): (&Rules, DateTime<Utc>),
    ) {
        let at = effective(command, rules, now);
        match &command.action {
            Action::Hold(hold) => {
                let total = cost(&hold.service, hold.amount, hold.quantity);
                let mut missing = i64::try_from(total).expect("a cost");
                let mut slices = Vec::new();
                for batch in in_spending_order(was, at) {
                    let amount = missing.min(batch.remaining - batch.held);
                    if amount > 0 {
                        slices.push((batch.id, amount, 0));
                    }
                    missing -= amount;
                }
                let by_default = matches!(rules.default_price, DefaultPrice::Price(_));
                self.0.push(Reserved {
                    user: command.user_id.clone(),
                    origin: command.origin,
                    reference: command.reference_id.clone(),
                    service: hold.service.clone(),
                    is_priced: hold.service != "unpriced" || by_default,
                    slices,
                    charged: 0,
                    status: HoldStatus::Open,
                    expires_at: expiry(hold, at, rules).expect("an allowed expiry"),
                });
            }
            Action::Capture(capture) => {
                let nth = self.named(&capture.hold, command).expect("a hold");
                let hold = &mut self.0[nth];
                let left = -outcome.amount;
                let is_found = hold.is_open() || at < hold.expires_at;
                let mut of_the_hold = left.min(hold.amount() - hold.charged);
                hold.charged += of_the_hold;
                for (batch, amount, captured) in hold.slices.iter_mut().filter(|_| is_found) {
                    let batches = outcome.allocations.iter();
                    let mut batches = batches.filter(|allocation| allocation.batch_id == *batch);
                    let taken = batches.next().map_or(0, |allocation| -allocation.amount);
                    let taken = taken.min(*amount - *captured).min(of_the_hold);
                    *captured += taken;
                    of_the_hold -= taken;
                }
                if capture.is_final != Some(false) {
                    hold.status = HoldStatus::Captured;
                }
            }
            Action::Release(release) => {
                let nth = self.named(&release.hold, command).expect("a hold");
                self.0[nth].status = HoldStatus::Released;
            }
            _ => {}
        }
    }

    /// The batches to which a command that was applied returns credits: those of which `was`
    /// reserved credits for the hold that it has closed.
    pub fn returned_by(&self, command: &Command, was: &Wallet) -> Vec<Uuid> {
        let reference = match &command.action {
            Action::Capture(capture) => &capture.hold,
            Action::Release(release) => &release.hold,
            _ => return Vec::new(),
        };
        let Some(nth) = self.named(reference, command) else {
            return Vec::new();
        };
        let hold = &self.0[nth];
        let mut was = was.holds();
        let was_open = was.any(|one| one.reference_id == hold.reference && one.is_open());
        if hold.is_open() || !was_open {
            return Vec::new();
        }
        let rest = hold
            .slices
            .iter()
            .filter(|(_, amount, captured)| amount > captured);
        rest.map(|(batch, ..)| *batch).collect()
    }

    /// Checks that wallets and batches hold exactly what the holds reserve.
    pub fn check(&self, book: &Book) -> Result<(), TestCaseError> {
        for user in USERS {
            let own = || self.0.iter().filter(|hold| hold.user == user);
            let Some(wallet) = book.wallet(user) else {
                prop_assert_eq!(own().count(), 0);
                continue;
            };
            let mut held: BTreeMap<Uuid, i64> = BTreeMap::new();
            for hold in own().filter(|hold| hold.is_open()) {
                for (batch, amount, captured) in &hold.slices {
                    *held.entry(*batch).or_default() += amount - captured;
                }
            }
            prop_assert_eq!(wallet.held, held.values().sum::<i64>());
            for batch in wallet.batches() {
                let expected = held.get(&batch.id).copied().unwrap_or_default();
                prop_assert!(batch.held == expected, "{expected} are held of {batch:?}");
            }
            let open = own().filter(|hold| hold.is_open());
            prop_assert_eq!(wallet.holds_end_at, open.map(|hold| hold.expires_at).min());
            prop_assert_eq!(wallet.holds().count(), own().count());
            for hold in own() {
                let record = wallet.holds().find(|record| {
                    record.reference_id == hold.reference && record.origin == hold.origin
                });
                let Some(record) = record else {
                    return Err(TestCaseError::fail(format!("it is missing: {hold:?}")));
                };
                prop_assert_eq!(
                    (
                        record.amount,
                        record.captured,
                        record.status,
                        record.expires_at
                    ),
                    (hold.amount(), hold.charged, hold.status, hold.expires_at)
                );
                let slices = record.slices.iter();
                let slices: Vec<_> = slices
                    .map(|slice| (slice.batch_id, slice.amount, slice.captured))
                    .collect();
                prop_assert_eq!(&slices, &hold.slices);
            }
        }
        Ok(())
    }
}

/// Checks the expirations that follow the return of credits to `returned` batches: one for each
/// batch that the expiry job would empty now.
pub fn check_expired(
    expired: &[Posting],
    returned: &[Uuid],
    before: &[Batch],
    after: &Wallet,
    latest: DateTime<Utc>,
) -> Result<(), TestCaseError> {
    for posting in expired {
        prop_assert_eq!(posting.kind, TransactionType::Expiration);
    }
    let mut found: Vec<Uuid> = expired
        .iter()
        .flat_map(|posting| &posting.allocations)
        .map(|allocation| allocation.batch_id)
        .collect();
    let mut expected: Vec<Uuid> = before
        .iter()
        .filter(|batch| returned.contains(&batch.id))
        .filter(|batch| batch.expires_at.is_some_and(|end| end <= latest))
        .map(|batch| batch.id)
        .collect();
    found.sort_unstable();
    expected.sort_unstable();
    prop_assert_eq!(&found, &expected);
    for batch in after
        .batches()
        .iter()
        .filter(|batch| found.contains(&batch.id))
    {
        prop_assert_eq!(
            batch.remaining,
            batch.held,
            "all that is not held has expired"
        );
    }
    Ok(())
}
