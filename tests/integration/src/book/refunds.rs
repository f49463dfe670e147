//! Refunds in the ledger that is written row by row.

use entity::credits_refund;

use super::Book;

impl Book {
    /// Returns credits of the last consumption of a user to batches.
    pub fn refund(&mut self, user: &str, to: &[(usize, i64)]) {
        let mut spent = self.transactions.iter().rev();
        let spent = spent
            .find(|one| one.user_id == user && one.kind == "consumption" && one.amount < 0)
            .expect("a consumption before its refund");
        let (spent, taken) = (spent.id, -spent.amount);
        let transaction = self.post(
            user,
            "refund",
            to.iter().map(|(_, amount)| amount).sum(),
            "COMPLETED",
        );
        for (batch, amount) in to {
            self.allocate(transaction, *batch, *amount);
        }
        let refund = self.transactions.last_mut().expect("it was posted");
        refund.related_id = Some(spent);
        self.refunds.push(credits_refund::Model {
            transaction_id: spent,
            user_id: user.into(),
            taken,
            refunded: refund.amount,
            created_at: refund.created_at,
            updated_at: refund.created_at,
        });
    }
}
