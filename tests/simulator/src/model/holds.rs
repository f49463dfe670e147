//! Holds: credits that are reserved for a use whose cost is not known yet.

use chrono::TimeDelta;

use super::{Account, Answer, Model, decide::Refused};
use crate::{
    At,
    message::{Message, Request},
    rulebook::{LATENESS, Rulebook},
};

/// Credits that are reserved for one use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The reference of the hold.
    pub reference: String,
    /// The price of the service when the hold was made: credits for a number of units.
    pub price: (i64, i64),
    /// The credits that were reserved at first.
    pub amount: i64,
    /// The credits of `amount` that captures charged.
    pub captured: i64,
    /// `OPEN`, `CAPTURED`, `RELEASED` or `EXPIRED`.
    pub status: &'static str,
    /// The instant from which nothing is reserved any more.
    pub expires_at: At,
    /// The parts that its batches fund, in the order of spending.
    pub slices: Vec<Slice>,
}

/// The part of a hold that a batch funds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The index of the batch.
    pub batch: usize,
    /// The credits that were reserved at first.
    pub amount: i64,
    /// The credits of `amount` that captures took.
    pub captured: i64,
}

impl Hold {
    fn is_open(&self) -> bool {
        self.status == "OPEN"
    }

    /// The credits that it reserves at an instant.
    fn reserved(&self, now: At) -> i64 {
        if self.is_open() && now < self.expires_at {
            self.amount - self.captured
        } else {
            0
        }
    }
}

impl Account {
    /// The credits of a batch that open holds reserve.
    pub(super) fn held_of(&self, batch: usize) -> i64 {
        let open = self.holds.iter().filter(|hold| hold.is_open());
        let slices = open.flat_map(|hold| &hold.slices);
        let of_batch = slices.filter(|slice| slice.batch == batch);
        of_batch.map(|slice| slice.amount - slice.captured).sum()
    }

    /// The credits that open holds reserve.
    pub fn held(&self) -> i64 {
        (0..self.batches.len())
            .map(|batch| self.held_of(batch))
            .sum()
    }

    /// The credits of a batch that are left and not held.
    pub(super) fn free(&self, batch: usize) -> i64 {
        self.batches[batch].left - self.held_of(batch)
    }

    /// Ends a hold, and returns the batches that get credits back.
    fn close(&mut self, nth: usize, status: &'static str) -> Vec<usize> {
        let hold = &mut self.holds[nth];
        let was_open = hold.is_open();
        hold.status = status;
        let slices = hold.slices.iter();
        let returned = slices.filter(|slice| was_open && slice.amount > slice.captured);
        returned.map(|slice| slice.batch).collect()
    }

    /// Expires those of these batches whose credits the expiry job would have taken by now.
    fn expire_returned(&mut self, mut batches: Vec<usize>, now: At) {
        batches.sort_unstable();
        batches.dedup();
        batches.retain(|batch| {
            let expires_at = self.batches[*batch].expires_at;
            expires_at.is_some_and(|end| end <= now - LATENESS) && self.free(*batch) > 0
        });
        self.sort_in_spending_order(&mut batches);
        for batch in batches {
            self.expire(batch, now);
        }
    }

    /// Takes the free credits of an expired batch. Returns their number.
    pub(super) fn expire(&mut self, batch: usize, now: At) -> i64 {
        let free = self.free(batch);
        self.batches[batch].left -= free;
        *self.lapsed.entry(batch).or_default() += free;
        self.batches[batch].expired = self.batches[batch].left == 0;
        let mut answer = Answer::default();
        self.record("expiration", -free, "expire".to_owned(), now, &mut answer);
        free
    }

    /// Closes the holds that have ended, except one.
    pub(super) fn close_ended(&mut self, now: At, spared: Option<&str>) {
        let mut returned = std::mem::take(&mut self.returned);
        for nth in 0..self.holds.len() {
            let hold = &self.holds[nth];
            let is_spared = spared == Some(hold.reference.as_str());
            if hold.is_open() && hold.expires_at <= now && !is_spared {
                returned.extend(self.close(nth, "EXPIRED"));
            }
        }
        self.expire_returned(returned, now);
    }

    fn position(&self, hold: &str) -> Result<usize, Refused> {
        let known = self.holds.iter().position(|one| one.reference == hold);
        known.ok_or(Refused::bare("hold_not_found"))
    }
}

impl Model {
    /// Closes the holds that have ended before a message is decided. The hold of a capture that was
    /// sent in time stays open.
    pub(super) fn close_holds_before(&mut self, message: &Message, at: At, now: At) {
        let account = self.account(&message.user);
        let spared = match &message.request {
            Request::Capture { hold, .. } => account
                .holds
                .iter()
                .find(|one| one.reference == *hold && at < one.expires_at)
                .map(|one| one.reference.clone()),
            _ => None,
        };
        account.close_ended(now, spared.as_deref());
    }

    pub(super) fn hold(
        &mut self,
        message: &Message,
        (at, now): (At, At),
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let Request::Hold {
            service,
            amount,
            quantity,
            seconds,
        } = &message.request
        else {
            return Ok(());
        };
        let price = self.rules.price_of(service);
        let cost = amount.unwrap_or_else(|| Rulebook::cost(price, quantity.unwrap_or(1)));
        let account = self.existing(&message.user)?;
        if account.is_frozen {
            return Err(Refused::bare("wallet_frozen"));
        }
        let spendable = account.spendable(at);
        if spendable < cost {
            return Err(Refused {
                code: "insufficient_credits",
                short: Some((cost, spendable)),
            });
        }
        let hold = Hold {
            reference: message.reference.clone(),
            price,
            amount: cost,
            captured: 0,
            status: "OPEN",
            expires_at: at + TimeDelta::seconds(*seconds),
            slices: account
                .shares(cost, at)
                .into_iter()
                .map(|(batch, amount)| Slice {
                    batch,
                    amount,
                    captured: 0,
                })
                .collect(),
        };
        answer.held = Some(hold.reserved(now));
        answer.hold_ends = Some(hold.expires_at);
        account.holds.push(hold);
        account.record("hold", 0, message.reference.clone(), at, answer);
        Ok(())
    }

    pub(super) fn capture(
        &mut self,
        message: &Message,
        (at, now): (At, At),
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let Request::Capture {
            hold,
            amount,
            quantity,
            is_final,
            cap,
            late_is_refused,
        } = &message.request
        else {
            return Ok(());
        };
        let account = self.existing(&message.user)?;
        let nth = account.position(hold)?;
        let held = account.holds[nth].clone();
        let rest = held.amount - held.captured;
        let by_quantity = || quantity.map(|units| Rulebook::cost(held.price, units));
        let cost = amount.or_else(by_quantity).unwrap_or(rest);
        if matches!(held.status, "CAPTURED" | "RELEASED") {
            return Err(Refused::bare("hold_closed"));
        }
        // A capture that was sent in time takes what the hold reserves, or what is left of it.
        let mut taken: Vec<(usize, i64)> = Vec::new();
        let mut missing = cost.min(rest);
        for slice in &held.slices {
            let left = slice.amount - slice.captured;
            let there = if held.is_open() {
                left
            } else {
                account.free(slice.batch).min(left)
            };
            let part = if at < held.expires_at {
                there.min(missing)
            } else {
                0
            };
            missing -= part;
            taken.push((slice.batch, part));
        }
        if missing > 0 && *late_is_refused {
            return Err(Refused::bare("hold_closed"));
        }
        let from_hold = cost.min(rest) - missing;
        let beyond = cost - from_hold;
        let mut others = account.spendable(at);
        if !held.is_open() {
            // The credits of an ended hold are available, and were counted above.
            let counted = taken.iter().filter(|(batch, _)| {
                account.batches[*batch]
                    .expires_at
                    .is_none_or(|end| at < end)
            });
            others -= counted.map(|(_, part)| part).sum::<i64>();
        }
        if beyond > others && !cap {
            return Err(Refused {
                code: "insufficient_credits",
                short: Some((cost, from_hold + others)),
            });
        }
        let uncaptured = (beyond - others).max(0);
        let charged = cost - uncaptured;
        answer.uncaptured = (uncaptured > 0).then_some(uncaptured);
        for (slice, (_, part)) in account.holds[nth].slices.iter_mut().zip(&taken) {
            slice.captured += part;
        }
        let mut moved: Vec<(usize, i64)> =
            taken.into_iter().filter(|(_, part)| *part > 0).collect();
        for (batch, part) in &moved {
            account.batches[*batch].left -= part;
        }
        for (batch, part) in account.shares(beyond.min(others), at) {
            account.batches[batch].left -= part;
            match moved.iter_mut().find(|(known, _)| *known == batch) {
                Some((_, all)) => *all += part,
                None => moved.push((batch, part)),
            }
        }
        let mut indices: Vec<usize> = moved.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        account.sort_in_spending_order(&mut indices);
        let mut in_order = Vec::new();
        for index in indices {
            let (_, part) = moved[moved.iter().position(|one| one.0 == index).expect("moved")];
            answer.moved.push((-part, account.batches[index].left));
            in_order.push((index, part));
        }
        account.spent += charged;
        account.holds[nth].captured += charged.min(rest);
        account.record("capture", -charged, message.reference.clone(), at, answer);
        if *is_final {
            let returned = account.close(nth, "CAPTURED");
            account.returned.extend(returned);
        }
        let hold = &account.holds[nth];
        answer.held = Some(hold.reserved(now));
        let is_reserving = hold.is_open() && now < hold.expires_at;
        answer.hold_ends = is_reserving.then_some(hold.expires_at);
        let captured = (message.user.clone(), message.reference.clone());
        self.taken.insert(captured, in_order);
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        message: &Message,
        hold: &str,
        at: At,
        answer: &mut Answer,
    ) -> Result<(), Refused> {
        let account = self.existing(&message.user)?;
        let nth = account.position(hold)?;
        if !account.holds[nth].is_open() {
            return Err(Refused::bare("hold_closed"));
        }
        let returned = account.close(nth, "RELEASED");
        account.returned.extend(returned);
        answer.held = Some(0);
        account.record("release", 0, message.reference.clone(), at, answer);
        Ok(())
    }
}
