//! The cost of the filter per delivery, compared with the library's parser.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use amq_protocol::frame::parse_frame;
use futures_io::AsyncRead;

use super::samples::{deliver, framed, header, long, short};
use crate::amqp::frame_filter::frame::{BODY, HEADER, METHOD};
use crate::amqp::frame_filter::stream::FilteredStream;

const DELIVERIES: u32 = 100_000;
const ROUNDS: usize = 5;
const BODY_BYTES: usize = 120;

/// A command as the SDK sends it: content type, delivery mode, correlation id, reply queue, id,
/// timestamp, type.
fn delivery() -> Vec<u8> {
    let properties = [
        &short(b"application/json")[..],
        &long(&[]),
        &[2],
        &short(b"0192f1c0-7e6a-7c40-8000-000000000001"),
        &short(b"amq.gen-X4Rq2V1nTLCQ2WZJ6uXGLQ"),
        &short(b"req-0192f1c0-7e6a-7c40"),
        &[0; 8],
        &short(b"consume"),
    ]
    .concat();
    // In the order of the properties from the highest bit.
    let flags = 0b1011_0110_1110_0000;
    [
        framed(METHOD, 1, &deliver(b"credits.usage", b"17")),
        framed(HEADER, 1, &header(BODY_BYTES as u64, flags, &properties)),
        framed(BODY, 1, &[b'x'; BODY_BYTES]),
    ]
    .concat()
}

/// Reads to the end of the stream.
fn read(mut stream: impl AsyncRead + Unpin) -> usize {
    let mut context = Context::from_waker(Waker::noop());
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        match Pin::new(&mut stream).poll_read(&mut context, &mut buffer) {
            Poll::Ready(Ok(0)) => return total,
            Poll::Ready(Ok(count)) => total += black_box(&buffer[..count]).len(),
            other => panic!("{other:?}"),
        }
    }
}

fn parse(mut bytes: &[u8]) -> usize {
    let mut frames = 0;
    while !bytes.is_empty() {
        let (rest, frame) = parse_frame(bytes).expect("a frame");
        black_box(frame);
        frames += 1;
        bytes = rest;
    }
    frames
}

fn fastest(mut work: impl FnMut()) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        work();
        began.elapsed()
    });
    times.min().expect("rounds")
}

#[test]
#[ignore = "prints a figure, which counts in a release build only"]
fn the_filter_costs_a_fraction_of_the_parser() {
    let stream = delivery().repeat(DELIVERIES as usize);
    let plain = fastest(|| assert_eq!(read(&*stream), stream.len()));
    let filtered =
        fastest(|| assert_eq!(read(FilteredStream::new(&*stream, 131_072)), stream.len()));
    let parsed = fastest(|| assert_eq!(parse(&stream), 3 * DELIVERIES as usize));
    let cost = filtered.saturating_sub(plain);
    println!(
        "a delivery of {} bytes: filtering {:?}, parsing by the library {:?}, ratio {:.2}",
        stream.len() / DELIVERIES as usize,
        cost / DELIVERIES,
        parsed / DELIVERIES,
        cost.as_secs_f64() / parsed.as_secs_f64()
    );
    assert!(cost < parsed);
}
