//! The header `Prefer` (RFC 7240). The server knows the preference `wait`; it ignores others, and
//! values that it cannot read, as the RFC requires.

use std::time::Duration;

use axum::http::HeaderMap;

const PREFER: &str = "prefer";

/// How long the client wants to wait for the outcome, at most `longest`. `None`: it does not wait.
pub fn wait(headers: &HeaderMap, longest: Duration) -> Option<Duration> {
    let values = headers.get_all(PREFER).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    let mut preferences = texts.flat_map(|text| text.split(','));
    let seconds = preferences.find_map(seconds)?;
    let wanted = Duration::from_secs(seconds);
    (seconds > 0).then(|| wanted.min(longest))
}

/// The seconds of the preference `wait`. `None` for another preference.
fn seconds(preference: &str) -> Option<u64> {
    let preference = preference.split(';').next()?;
    let (name, value) = preference.split_once('=')?;
    let value = value.trim().trim_matches('"');
    let is_wait = name.trim().eq_ignore_ascii_case("wait");
    is_wait.then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn waits(values: &[&'static str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_static(value));
        }
        wait(&headers, Duration::from_secs(30)).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_preference_wait_is_found_among_others_and_has_a_limit() {
        assert_eq!(waits(&["wait=5"]), Some(5));
        assert_eq!(waits(&["respond-async, Wait = \"7\"; x=1"]), Some(7));
        assert_eq!(waits(&["respond-async", "wait=100"]), Some(30));
    }

    #[test]
    fn without_a_readable_wait_the_client_does_not_wait() {
        for value in ["wait=0", "wait", "wait=x", "wait=-1", "wait=1.5", "await=5"] {
            assert_eq!(waits(&[value]), None, "{value}");
        }
        assert_eq!(waits(&[]), None);
    }
}
