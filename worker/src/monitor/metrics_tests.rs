//! Tests of the text of the metrics.

use prometheus_client::metrics::histogram::Histogram;

use super::*;

#[derive(Debug)]
struct Samples;

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let to = &mut encoder;
        single(to, "a_total", "All.", ConstCounter::new(1_u64))?;
        let escaped = [("l", "x\"\\\n")];
        family(to, "b", "Some.", [(escaped, flag(true))])?;
        let histogram = Histogram::new([0.0015, 2.0]);
        histogram.observe(0.001);
        histogram.observe(5.0);
        family(to, "t_seconds", "Time.", [([("l", "x")], histogram)])
    }
}

#[test]
fn the_text_has_the_names_and_bounds_that_dashboards_use() {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Samples));
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry).expect("a text");
    assert_eq!(
        text,
        "# HELP a_total All.\n# TYPE a_total counter\na_total 1\n\
         # HELP b Some.\n# TYPE b gauge\nb{l=\"x\\\"\\\\\\n\"} 1\n\
         # HELP t_seconds Time.\n# TYPE t_seconds histogram\n\
         t_seconds_bucket{l=\"x\",le=\"0.0015\"} 1\n\
         t_seconds_bucket{l=\"x\",le=\"2\"} 1\n\
         t_seconds_bucket{l=\"x\",le=\"+Inf\"} 2\n\
         t_seconds_sum{l=\"x\"} 5.001\n\
         t_seconds_count{l=\"x\"} 2\n"
    );
}
