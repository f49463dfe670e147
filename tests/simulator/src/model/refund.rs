//! The return of credits.

use chrono::TimeDelta;

use super::{Answer, Model, decide::Refused};
use crate::{At, message::Message, rulebook::REFUND_GRACE};

impl Model {
    /// Returns credits of a use: the last one taken first. Credits of an expired batch form a new
    /// one.
    pub(super) fn refund(
        &mut self,
        message: &Message,
        of: &str,
        amount: Option<i64>,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        self.existing(&message.user)?;
        let used = (message.user.clone(), of.to_owned());
        let Some(taken) = self.taken.get_mut(&used) else {
            return Err(Refused::bare("original_not_found"));
        };
        let left: i64 = taken.iter().map(|(_, credits)| credits).sum();
        let returned = amount.unwrap_or(left);
        if returned == 0 || returned > left {
            return Err(Refused {
                code: "refund_exceeds_consumption",
                short: amount.map(|amount| (amount, left)),
            });
        }
        let mut parts = Vec::new();
        let mut missing = returned;
        while missing > 0 {
            let (index, credits) = taken.pop().expect("enough credits");
            let part = credits.min(missing);
            if part < credits {
                taken.push((index, credits - part));
            }
            missing -= part;
            parts.push((index, part));
        }
        let account = self.account(&message.user);
        let mut moved = Vec::new();
        for (index, part) in parts {
            let batch = &mut account.batches[index];
            if batch.is_gone(at) {
                let end = at + TimeDelta::hours(24 * REFUND_GRACE);
                let instead = batch.renewed(part, at, Some(end));
                account.batches.push(instead);
                moved.push((account.batches.len() - 1, part));
            } else {
                batch.left += part;
                batch.revoked = false;
                moved.push((index, part));
            }
        }
        account.spent -= returned;
        let mut indices: Vec<usize> = moved.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        account.sort_in_spending_order(&mut indices);
        for index in indices {
            let (_, part) = moved[moved.iter().position(|one| one.0 == index).expect("moved")];
            answer.moved.push((part, account.batches[index].left));
        }
        account.record("refund", returned, message.reference.clone(), at, answer);
        self.repay_own(&message.user, &moved, at, answer);
        Ok(())
    }
}
