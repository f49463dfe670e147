//! Holds of the ledger.

use entity::{credits_hold, credits_hold_slice};
use serde_json::json;

use super::{Book, at, instant};

impl Book {
    /// Reserves credits of a batch until minute 100,000.
    pub fn hold(&mut self, batch: usize, amount: i64) {
        let expires_at = at(100_000);
        let user = self.batches[batch].user_id.clone();
        let id = self.post(&user, "hold", 0, "COMPLETED");
        let posted = self.transactions.last_mut().expect("it was posted");
        posted.detail = Some(json!({"held": amount, "holdExpiresAt": instant(expires_at)}));
        let created_at = posted.created_at;
        self.holds.push(credits_hold::Model {
            id,
            user_id: user.clone(),
            origin: posted.origin.clone(),
            sender: None,
            reference_id: posted.reference_id.clone(),
            service: "chat".into(),
            price_credits: None,
            price_per: None,
            amount,
            captured: 0,
            status: "OPEN".into(),
            expires_at,
            closed_at: None,
            created_at,
            updated_at: created_at,
        });
        self.slices.push(credits_hold_slice::Model {
            hold_id: id,
            batch_id: self.batches[batch].id,
            position: 0,
            amount,
            captured: 0,
        });
        self.batches[batch].held += amount;
        let wallet = self.wallet(&user);
        wallet.held += amount;
        wallet.holds_end_at = Some(expires_at);
    }
}
