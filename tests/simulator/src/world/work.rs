//! A piece of work whose cost is not known before: held, and then captured, released or abandoned.

use chrono::TimeDelta;

use super::Today;
use crate::{At, message::Request};

/// The shortest and the longest duration of a hold, in seconds.
const DURATIONS: [i64; 4] = [60, 900, 7_200, 86_400];

/// Does one piece of work, and returns the references of its captures.
pub fn work(name: &str, today: &mut Today<'_>) -> Vec<String> {
    let at = today.instant();
    let by_amount = today.rng.chance(3_000);
    let service = if today.rng.chance(7_000) {
        "llm:tokens"
    } else {
        "google:image"
    };
    let units = today
        .rng
        .about(if service == "llm:tokens" { 9_000 } else { 3 });
    let nth = usize::try_from(today.rng.between(0, 3)).expect("small");
    let hold = today.happens(
        name,
        at,
        Request::Hold {
            service,
            amount: by_amount.then_some(1 + units % 40),
            quantity: (!by_amount).then_some(units),
            seconds: DURATIONS[nth],
        },
    );
    let capture = |hold: &str, today: &mut Today<'_>, is_final| Request::Capture {
        hold: hold.to_owned(),
        amount: by_amount.then(|| today.rng.between(1, 60)),
        quantity: (!by_amount && today.rng.chance(8_000)).then(|| 1 + today.rng.about(units)),
        is_final,
        cap: today.rng.chance(3_000),
        late_is_refused: today.rng.chance(2_000),
    };
    let mut captured = Vec::new();
    match today.rng.between(0, 9) {
        // The app crashes.
        0 => {}
        1 | 2 => {
            let then = later(at, today);
            today.happens(name, then, Request::Release { hold });
        }
        3 | 4 => {
            for is_final in [false, false, true] {
                let then = later(at, today);
                let request = capture(&hold, today, is_final);
                captured.push(today.happens(name, then, request));
            }
        }
        // Too late for a release, or captured twice.
        5 => {
            for _ in 0..2 {
                let then = later(at, today);
                let request = capture(&hold, today, true);
                captured.push(today.happens(name, then, request));
            }
            let then = later(at, today);
            today.happens(name, then, Request::Release { hold });
        }
        _ => {
            let then = later(at, today);
            let request = capture(&hold, today, true);
            captured.push(today.happens(name, then, request));
        }
    }
    captured
}

/// An instant after the beginning of the work, mostly soon.
fn later(at: At, today: &mut Today<'_>) -> At {
    let seconds = if today.rng.chance(8_000) {
        today.rng.about(60)
    } else {
        today.rng.about(3_600)
    };
    (at + TimeDelta::seconds(seconds)).min(today.to)
}
