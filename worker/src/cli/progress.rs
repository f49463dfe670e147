//! Progress bars on stderr. They are shown only if stderr is a terminal.

use std::{fmt, time::Duration};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

const TICK: Duration = Duration::from_millis(120);

/// A counter of `unit` for a total that is unknown.
pub fn counter(unit: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    set_style(&bar, "{spinner} {human_pos} {msg} {rate}");
    bar.set_message(unit);
    bar.enable_steady_tick(TICK);
    bar
}

/// A progress bar for `total` of `unit`.
pub fn bar(total: u64, unit: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    set_style(&bar, "{bar:30} {human_pos}/{human_len} {msg} {rate} {eta}");
    bar.set_message(unit);
    bar.enable_steady_tick(TICK);
    bar
}

/// Sets a template, in which `{rate}` is a whole number for each second.
fn set_style(bar: &ProgressBar, template: &str) {
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A rate that cannot be written is not shown.
        let _ = write!(text, "{:.0}/s", state.per_sec());
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("rate", rate));
    }
}
