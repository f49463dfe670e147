//! The output of the filter does not depend on the sizes of the chunks.

use amq_protocol::frame::AMQPFrame;
use amq_protocol::protocol::{AMQPClass, basic};
use proptest::collection::vec;
use proptest::prelude::*;

use super::samples::{Sample, deliver, framed, header, sample, short};
use super::{filtered, frames, is_parsed, reason};
use crate::amqp::frame_filter::filter::Filter;
use crate::amqp::frame_filter::frame::{BODY, HEADER, METHOD};

/// Cuts a stream into chunks of these sizes, repeatedly.
pub(super) fn cut<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}

fn stream(samples: &[Sample]) -> Vec<u8> {
    samples.iter().flat_map(Sample::bytes).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn frames_that_the_library_parses_pass_unchanged(
        samples in vec(sample(), 0..20),
        sizes in vec(1..300_usize, 1..10),
    ) {
        let valid: Vec<_> = samples
            .into_iter()
            .filter(|sample| is_parsed(&sample.bytes()))
            .collect();
        let bytes = stream(&valid);
        prop_assert_eq!(filtered(&mut Filter::new(0), cut(&bytes, &sizes)), bytes);
    }

    #[test]
    fn other_frames_are_replaced_one_by_one(
        samples in vec(sample(), 0..20),
        sizes in vec(1..300_usize, 1..10),
    ) {
        let bytes = stream(&samples);
        let passed = filtered(&mut Filter::new(0), cut(&bytes, &sizes));
        prop_assert_eq!(&passed, &filtered(&mut Filter::new(0), [&*bytes]), "for any chunk sizes");
        let passed = frames(&passed);
        prop_assert_eq!(passed.len(), samples.len());
        // The channels whose last method had to be replaced.
        let mut marked = [false; 3];
        for (sample, passed) in samples.iter().zip(&passed) {
            let original = sample.bytes();
            let channel = usize::from(sample.channel);
            let is_replaced = !is_parsed(&original) || (sample.kind == HEADER && marked[channel]);
            match sample.kind {
                METHOD => marked[channel] = !is_parsed(&original),
                HEADER => marked[channel] = false,
                _ => {}
            }
            match passed {
                AMQPFrame::Header(channel, header) => {
                    prop_assert_eq!(reason(passed).is_some(), is_replaced);
                    prop_assert_eq!(*channel, sample.channel);
                    prop_assert_eq!(&header.class_id.to_be_bytes(), &sample.payload[..2]);
                    prop_assert_eq!(&header.body_size.to_be_bytes(), &sample.payload[4..12]);
                }
                passed if !is_replaced => prop_assert_eq!(vec![passed.clone()], frames(&original)),
                AMQPFrame::Method(channel, _) => prop_assert_eq!(*channel, sample.channel),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn any_bytes_in_any_chunks_cause_no_panic(
        bytes in vec(
            prop_oneof![1 => any::<u8>(), 1 => Just(1), 1 => Just(2), 1 => Just(0)],
            0..500,
        ),
        sizes in vec(1..40_usize, 1..10),
    ) {
        let mut filter = Filter::new(4096);
        let passed = filtered(&mut filter, cut(&bytes, &sizes));
        prop_assert!(filter.in_memory() <= bytes.len());
        prop_assert_eq!(passed, filtered(&mut Filter::new(4096), [&*bytes]));
    }
}

#[test]
fn a_message_with_a_routing_key_that_is_not_utf8_is_marked_and_the_next_one_is_not() {
    let good = header(1, 1 << 7, &short(b"id"));
    let bytes = [
        framed(METHOD, 1, &deliver(b"ns.usage", &[0xff; 255])),
        // A message on another channel comes in between.
        framed(METHOD, 2, &deliver(b"ns.usage", b"7")),
        framed(HEADER, 2, &good),
        framed(HEADER, 1, &good),
        framed(BODY, 1, b"x"),
        framed(METHOD, 1, &deliver(b"ns.usage", b"7")),
        framed(HEADER, 1, &good),
    ]
    .concat();
    let passed = frames(&filtered(&mut Filter::new(0), [&*bytes]));
    let AMQPFrame::Method(1, AMQPClass::Basic(basic::AMQPMethod::Deliver(first))) = &passed[0]
    else {
        panic!("{:?}", passed[0]);
    };
    assert_eq!(first.consumer_tag.as_str(), "worker");
    assert_eq!(first.exchange.as_str(), "ns.usage");
    assert_eq!(first.routing_key.as_str(), "\u{fffd}".repeat(85));
    let reason: Vec<_> = passed.iter().map(reason).collect();
    let marked = reason[3].as_deref().expect("marked");
    assert!(
        marked.starts_with("the routing key must be UTF-8, got `\\xff"),
        "{marked}"
    );
    assert_eq!(reason.iter().flatten().count(), 1, "{reason:?}");
}

#[test]
fn a_mark_ends_with_the_next_method_on_its_channel() {
    let bytes = [
        framed(
            METHOD,
            1,
            &[&[0, 20, 0, 40, 1, 148][..], &short(&[0xc3]), &[0; 4]].concat(),
        ),
        // channel.open-ok: the channel number is reused.
        framed(METHOD, 1, &[0, 20, 0, 11, 0, 0, 0, 0]),
        framed(HEADER, 1, &header(0, 0, &[])),
    ]
    .concat();
    let passed = frames(&filtered(&mut Filter::new(0), [&*bytes]));
    assert_eq!(passed.iter().filter_map(reason).count(), 0);
}
