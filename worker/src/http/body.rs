//! Reads the body of a request, within limits of size and time.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::problem::Problem;

/// The body, of at most `max` bytes, received within `within`.
pub async fn read(body: Body, max: usize, within: Duration) -> Result<Vec<u8>, Problem> {
    let read = Limited::new(body, max).collect();
    let Ok(collected) = timeout(within, read).await else {
        let detail = format!("the body was not received within {within:?}");
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            detail,
        ));
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("the body must have at most {max} bytes");
            Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                detail,
            ))
        }
        Err(_) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "incomplete_body",
            "the body cannot be read to its end",
        )),
    }
}
