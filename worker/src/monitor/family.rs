//! Families of metrics: all samples of one name.

use std::fmt;

use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{TypedMetric, gauge::ConstGauge},
};

/// Adds a family of samples of one name.
pub(super) fn family<L: EncodeLabelSet, M: EncodeMetric + TypedMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &str,
    samples: impl IntoIterator<Item = (L, M)>,
) -> fmt::Result {
    // The encoder adds this suffix to the name of a counter.
    let name = name.strip_suffix("_total").unwrap_or(name);
    let mut family = to.encode_descriptor(name, help, None, M::TYPE)?;
    samples
        .into_iter()
        .try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}

/// Adds a sample without labels.
pub(super) fn single<M: EncodeMetric + TypedMetric>(
    to: &mut DescriptorEncoder<'_>,
    name: &'static str,
    help: &str,
    metric: M,
) -> fmt::Result {
    const NO_LABELS: [(&str, &str); 0] = [];
    family(to, name, help, [(NO_LABELS, metric)])
}

/// 1 or 0.
pub(super) fn flag(is_set: bool) -> ConstGauge<u32> {
    ConstGauge::new(is_set.into())
}
