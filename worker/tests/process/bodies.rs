//! Commands as lines of a file.

pub fn consume(reference: &str, user: &str) -> String {
    format!(
        r#"{{"type":"consume","referenceId":"{reference}","userId":"{user}","service":"google:fast"}}"#
    )
}

pub fn promotion(reference: &str, user: &str, amount: i64) -> String {
    format!(
        r#"{{"type":"grant","referenceId":"{reference}","userId":"{user}","reason":"promotion","amount":{amount}}}"#
    )
}
