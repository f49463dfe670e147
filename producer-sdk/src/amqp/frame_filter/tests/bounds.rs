//! The filter respects the frame limit of the library, and its own limit.

use super::samples::{framed, header, header_with_table, long, short};
use super::{filtered, frames, reason};
use crate::amqp::frame_filter::filter::Filter;
use crate::amqp::frame_filter::frame::{HEADER, METHOD, OVERHEAD};

/// `connection.tune` with this largest frame.
fn tune(frame_max: u32) -> Vec<u8> {
    let arguments = [
        &2047_u16.to_be_bytes()[..],
        &frame_max.to_be_bytes(),
        &[0, 60],
    ]
    .concat();
    framed(METHOD, 0, &[&[0, 10, 0, 30], &*arguments].concat())
}

/// A content header frame of this length in bytes.
fn header_of(length: usize) -> Vec<u8> {
    let without = framed(
        HEADER,
        1,
        &header_with_table(&[short(b"k"), vec![b'S'], long(b"")].concat()),
    );
    let text = vec![b'x'; length - without.len()];
    let frame = framed(
        HEADER,
        1,
        &header_with_table(&[short(b"k"), vec![b'S'], long(&text)].concat()),
    );
    assert_eq!(frame.len(), length);
    frame
}

#[test]
fn headers_up_to_the_negotiated_frame_size_pass_and_longer_ones_are_replaced() {
    // The value of the URL, the proposal of the broker, the limit of the library. 0 means no limit.
    for (configured, proposed, limit) in [
        (0, 131_072, 131_072),
        (8_192, 131_072, 8_192),
        (131_072, 8_192, 8_192),
        (8_192, 0, 8_192),
        (0, 1_000, 4_096),
        (0, 0, 1 << 20),
    ] {
        let tune = tune(proposed);
        for (length, is_replaced) in [(limit - 1, false), (limit, false), (limit + 1, true)] {
            let mut filter = Filter::new(configured);
            let bytes = [tune.clone(), header_of(length), header_of(100)].concat();
            let passed = frames(&filtered(&mut filter, bytes.chunks(1_000)));
            let reason: Vec<_> = passed.iter().map(reason).collect();
            assert_eq!(
                reason[1].is_some(),
                is_replaced,
                "{configured} {proposed} {length}: {reason:?}"
            );
            assert_eq!((passed.len(), &reason[2]), (3, &None));
            if let Some(reason) = &reason[1] {
                let expected = format!("must be at most {limit} bytes long, got {length}");
                assert!(reason.contains(&expected), "{reason}");
            }
        }
    }
}

#[test]
fn a_header_beyond_the_limit_is_skipped_and_not_buffered() {
    let frame = header_of(50 << 20);
    let mut filter = Filter::new(0);
    let mut most = 0;
    let mut passed = Vec::new();
    for chunk in [&*frame, &header_of(60)].concat().chunks(10_000) {
        passed.extend(filtered(&mut filter, [chunk]));
        most = most.max(filter.in_memory());
    }
    assert!(most < 20_000, "{most} bytes were held");
    let reason: Vec<_> = frames(&passed).iter().map(reason).collect();
    assert!(reason[0].is_some() && reason[1].is_none(), "{reason:?}");
}

#[test]
fn a_frame_that_claims_to_be_huge_is_not_buffered() {
    for kind in [1, 2, 3, 8] {
        let mut filter = Filter::new(0);
        let mut start = vec![kind, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 60, 0, 60];
        start.resize(5_000_000, 7);
        filtered(&mut filter, start.chunks(100_000));
        assert!(filter.in_memory() < 200_000, "{kind}");
    }
}

#[test]
fn bytes_that_are_not_amqp_pass_unchanged() {
    let broken_end = {
        let mut frame = framed(HEADER, 1, &header(0, 1 << 7, &short(&[0xff])));
        *frame.last_mut().expect("an end") = 0;
        frame
    };
    let too_short = framed(HEADER, 1, &[0, 60]);
    assert_eq!(too_short.len(), OVERHEAD + 2);
    for bytes in [
        &b"AMQP\0\0\x09\x01"[..],
        b"HTTP/1.1 400 Bad Request",
        &broken_end,
        &too_short,
    ] {
        assert_eq!(filtered(&mut Filter::new(0), bytes.chunks(3)), bytes);
    }
}
