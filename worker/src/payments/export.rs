//! An export of a provider's payments as CSV.

use std::io::Read;

/// Maximum number of rows.
pub const MAX_ROWS: usize = 200_000;

/// The columns that may name a payment, in lower case. Stripe: the payments page. Creem: the
/// transactions page.
const IDS: [&str; 9] = [
    "paymentintent id",
    "payment_intent",
    "id",
    "invoice id",
    "order id",
    "order_id",
    "order",
    "transaction id",
    "transaction_id",
];
const STATUS: [&str; 2] = ["status", "payment status"];
/// The statuses of payments that were collected, in lower case. What was refunded was paid before.
const PAID: [&str; 7] = [
    "paid",
    "succeeded",
    "completed",
    "refunded",
    "partially refunded",
    "partial_refund",
    "partially_refunded",
];

/// A payment of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedPayment {
    /// Its names: of the payment, the charge, the order or the invoice. The first is for people.
    pub ids: Vec<String>,
    /// Whether the provider collected it.
    pub is_paid: bool,
}

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A column is missing.
    #[error("the first line has no column {0}; export the payments of the provider as CSV")]
    Column(&'static str),
    /// The file is too long.
    #[error("the file has more than {MAX_ROWS} lines; export a shorter time")]
    TooLong,
    /// The file is not CSV.
    #[error("the file is not CSV in UTF-8")]
    Csv(#[from] csv::Error),
}

/// Reads an export. Columns that are not used may have any name.
pub fn read(file: impl Read) -> Result<Vec<ExportedPayment>, ExportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let names: Vec<String> = reader
        .headers()?
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase())
        .collect();
    let columns = |known: &[&str]| -> Vec<usize> {
        let found = known.iter();
        let found = found.filter_map(|known| names.iter().position(|name| name == known));
        found.collect()
    };
    let (ids, status) = (columns(&IDS), columns(&STATUS));
    if ids.is_empty() {
        return Err(ExportError::Column(
            "`id`, `PaymentIntent ID` or `Order ID`",
        ));
    }
    let status = *status.first().ok_or(ExportError::Column("`Status`"))?;
    let mut payments = Vec::new();
    for row in reader.records() {
        let row = row?;
        if payments.len() == MAX_ROWS {
            return Err(ExportError::TooLong);
        }
        let cell = |column: usize| row.get(column).unwrap_or_default().trim().to_owned();
        let ids = ids.iter().map(|column| cell(*column));
        let status = cell(status).to_lowercase();
        payments.push(ExportedPayment {
            ids: ids.filter(|id| !id.is_empty()).collect(),
            is_paid: PAID.contains(&status.as_str()),
        });
    }
    Ok(payments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_found_by_their_names() {
        let file = "\u{feff}id,Amount,Status,PaymentIntent ID,Invoice ID\n\
                    ch_1,9.99,Paid,pi_1,\nch_2,5,Failed,pi_2,in_2\n";
        let payments = read(file.as_bytes()).expect("readable");
        assert_eq!(payments[0].ids, ["pi_1", "ch_1"]);
        assert_eq!(payments[1].ids, ["pi_2", "ch_2", "in_2"]);
        assert_eq!([payments[0].is_paid, payments[1].is_paid], [true, false]);
        let error = read("id,amount\n1,2\n".as_bytes()).expect_err("no status");
        assert!(error.to_string().contains("`Status`"), "{error}");
    }
}
