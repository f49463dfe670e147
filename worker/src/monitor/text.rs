//! The text format of Prometheus.

use std::{
    fmt::{Display, Write},
    time::Duration,
};

use crate::pipeline::Histogram;

/// Metrics as text.
#[derive(Debug, Default)]
pub struct Text(String);

/// Names and values of labels.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Text {
    /// A family of samples that only grow.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A family of samples that rise and fall.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// A family of distributions.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    /// The complete text.
    pub fn into_string(self) -> String {
        self.0
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
        Family { text: self, name }
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Samples of one name.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut Text,
    name: &'static str,
}

impl Family<'_> {
    /// Adds one sample.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) -> &mut Self {
        self.suffixed("", labels, value)
    }

    /// Adds one distribution. `unit` converts its whole numbers into the displayed values.
    pub fn distribution(&mut self, labels: Labels<'_>, histogram: &Histogram, unit: Unit) {
        for (bound, count) in histogram.up_to() {
            let bound = unit.show(bound);
            self.suffixed("_bucket", &[labels, &[("le", &bound)]].concat(), count);
        }
        let count = histogram.count();
        self.suffixed("_bucket", &[labels, &[("le", "+Inf")]].concat(), count);
        self.suffixed("_sum", labels, unit.show(histogram.sum()));
        self.suffixed("_count", labels, count);
    }

    fn suffixed(&mut self, suffix: &str, labels: Labels<'_>, value: impl Display) -> &mut Self {
        let shown: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let shown = if shown.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", shown.join(","))
        };
        self.text
            .line(format_args!("{}{suffix}{shown} {value}", self.name));
        self
    }
}

/// The unit of a histogram's whole numbers.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// A count.
    Count,
    /// Microseconds, displayed as seconds.
    Micros,
}

impl Unit {
    fn show(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Micros => Duration::from_micros(value).as_secs_f64().to_string(),
        }
    }
}

fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_their_help_and_type() {
        let mut text = Text::default();
        text.counter("a_total", "What a is.")
            .sample(&[], 1)
            .sample(&[("l", "x\"\\\n")], 2);
        assert_eq!(
            text.into_string(),
            "# HELP a_total What a is.\n# TYPE a_total counter\n\
             a_total 1\na_total{l=\"x\\\"\\\\\\n\"} 2\n"
        );
    }

    #[test]
    fn the_last_bucket_of_a_distribution_counts_all_values() {
        let histogram = Histogram::new(&[1_500, 2_000_000]);
        histogram.observe(1_000);
        histogram.observe(5_000_000);
        let mut text = Text::default();
        text.histogram("t_seconds", "Time.")
            .distribution(&[("l", "x")], &histogram, Unit::Micros);
        let expected = "t_seconds_bucket{l=\"x\",le=\"0.0015\"} 1\n\
            t_seconds_bucket{l=\"x\",le=\"2\"} 1\n\
            t_seconds_bucket{l=\"x\",le=\"+Inf\"} 2\n\
            t_seconds_sum{l=\"x\"} 5.001\n\
            t_seconds_count{l=\"x\"} 2\n";
        assert!(text.into_string().ends_with(expected));
    }
}
