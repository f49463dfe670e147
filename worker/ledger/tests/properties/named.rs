//! The steps whose commands name an earlier one: the run chooses which.

use chrono::TimeDelta;
use ledger::{
    Action, Capture, Command, MonthlyGrant, Origin, Posting, Refund, Reinstate, Release, Revoke,
    RevokeTarget,
};
use proptest::prelude::*;

use super::{
    run::{Run, command},
    steps::{Step, USERS, When},
};

impl Run {
    /// Sends the command of a step, if there is an earlier command that it can name.
    pub(super) fn naming_step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Refund {
                nth,
                user,
                reference,
                when,
                amount,
                by_support,
            } => {
                let sent = self.sent.iter().map(|sent| &sent.command);
                let spent: Vec<&Command> = sent
                    .filter(|one| matches!(one.action, Action::Consume(_) | Action::Capture(_)))
                    .collect();
                if !spent.is_empty() {
                    let spent = spent[usize::from(nth) % spent.len()];
                    let of = spent.reference_id.clone();
                    let owner = USERS.iter().position(|one| *one == spent.user_id);
                    let action = Action::Refund(Refund { of, amount });
                    let mut command = command(
                        user.or(owner).unwrap_or_default(),
                        format!("r{reference}"),
                        when.instant(self.now),
                        action,
                    );
                    if by_support {
                        command.origin = Origin::Funding;
                    }
                    command.received_at = self.received_at.take();
                    self.command(command)?;
                }
            }
            Step::Revoke {
                nth,
                user,
                reference,
                when,
                by_payment,
                extent,
            } => {
                let postings = self.book.postings().iter();
                let deposits: Vec<&Posting> =
                    postings.filter(|one| one.kind.is_deposit()).collect();
                if !deposits.is_empty() {
                    let deposit = deposits[usize::from(nth) % deposits.len()];
                    let payment = deposit.purchase_id.clone().filter(|_| by_payment);
                    let of = RevokeTarget::Reference(deposit.reference_id.clone());
                    let target = payment.map_or(of, |purchase_id| RevokeTarget::Payment {
                        purchase_id,
                        purchase_line: deposit.purchase_line.clone(),
                    });
                    let owner = USERS.iter().position(|one| *one == deposit.user_id);
                    let action = Action::Revoke(Revoke { target, extent });
                    self.send(user.or(owner), reference, when, action)?;
                }
            }
            Step::Reinstate {
                nth,
                user,
                reference,
                when,
            } => {
                let sent = self.sent.iter().map(|sent| &sent.command);
                let revoked: Vec<&Command> = sent
                    .filter(|one| matches!(one.action, Action::Revoke(_)))
                    .collect();
                if !revoked.is_empty() {
                    let revoked = revoked[usize::from(nth) % revoked.len()];
                    let of = revoked.reference_id.clone();
                    let owner = USERS.iter().position(|one| *one == revoked.user_id);
                    let action = Action::Reinstate(Reinstate { of });
                    self.send(user.or(owner), reference, when, action)?;
                }
            }
            Step::Use {
                nth,
                user,
                reference,
                when,
                by_staff,
                action,
            } => {
                let sent = self.sent.iter().map(|sent| &sent.command);
                let made: Vec<_> = sent
                    .filter(|one| matches!(one.action, Action::Hold(_)))
                    .collect();
                if !made.is_empty() {
                    let hold = made[usize::from(nth) % made.len()];
                    let owner = USERS.iter().position(|one| *one == hold.user_id);
                    let user = user.or(owner).expect("a user");
                    let action = naming(action, &hold.reference_id);
                    let occurred_at = when.instant(self.now);
                    let mut command = command(user, format!("r{reference}"), occurred_at, action);
                    command.received_at = self.received_at.take();
                    if by_staff {
                        command.origin = Origin::Funding;
                    }
                    self.command(command)?;
                }
            }
            Step::Grant {
                user,
                subscription,
                days,
                honest,
            } => {
                let known = self.histories.get(&subscription);
                let next = known.and_then(|history| history.first_open(&self.rules, self.now));
                let period_start = next.unwrap_or(self.now) + TimeDelta::days(days);
                let reference = if honest {
                    format!("grant:{subscription}:{}", period_start.format("%Y-%m-%d"))
                } else {
                    "grant:astray".to_owned()
                };
                let action = Action::MonthlyGrant(MonthlyGrant {
                    subscription_id: subscription,
                    period_start,
                });
                self.command(command(user, reference, None, action))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends a command through its usual origin.
    fn send(
        &mut self,
        user: Option<usize>,
        reference: u8,
        when: When,
        action: Action,
    ) -> Result<(), TestCaseError> {
        let user = user.unwrap_or_default();
        let occurred_at = when.instant(self.now);
        let mut command = command(user, format!("r{reference}"), occurred_at, action);
        command.received_at = self.received_at.take();
        self.command(command)
    }
}

/// The command with the reference of a hold.
fn naming(action: Action, reference: &str) -> Action {
    let hold = reference.to_owned();
    match action {
        Action::Capture(capture) => Action::Capture(Capture { hold, ..capture }),
        Action::Release(_) => Action::Release(Release { hold }),
        other => other,
    }
}
