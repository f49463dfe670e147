//! A filtered socket behaves like a plain socket.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_io::AsyncRead;
use proptest::collection::vec;
use proptest::prelude::*;

use super::chunks::cut;
use super::filtered;
use super::samples::{Sample, deliver, framed, header, sample};
use crate::amqp::frame_filter::filter::Filter;
use crate::amqp::frame_filter::frame::{HEADER, METHOD};
use crate::amqp::frame_filter::stream::FilteredStream;

/// A socket that receives one chunk at a time. Between two chunks there is nothing to read.
#[derive(Default)]
struct Arriving {
    chunks: VecDeque<Vec<u8>>,
    is_waiting: bool,
    reader: Option<Waker>,
}

impl AsyncRead for Arriving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_waiting {
            self.is_waiting = false;
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let Some(mut chunk) = self.chunks.pop_front() else {
            return Poll::Ready(Ok(0));
        };
        let count = chunk.len().min(buffer.len());
        buffer[..count].copy_from_slice(&chunk[..count]);
        if count < chunk.len() {
            self.chunks.push_front(chunk.split_off(count));
        } else {
            self.is_waiting = true;
        }
        Poll::Ready(Ok(count))
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads to the end as the library does: until nothing is left to read, and again after a wake-up.
fn read_all(chunks: Vec<Vec<u8>>, spaces: &[usize]) -> (Vec<u8>, usize) {
    let arriving = Arriving {
        chunks: chunks.into(),
        ..Arriving::default()
    };
    let mut stream = FilteredStream::new(arriving, 0);
    let waker = Waker::from(Arc::new(Wakes::default()));
    let mut cx = Context::from_waker(&waker);
    let (mut read, mut most) = (Vec::new(), 0);
    for space in spaces.iter().cycle() {
        let mut buffer = vec![0; *space];
        match Pin::new(&mut stream).poll_read(&mut cx, &mut buffer) {
            Poll::Ready(Ok(0)) => break,
            Poll::Ready(Ok(count)) => read.extend(&buffer[..count]),
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => {}
        }
        most = most.max(stream.in_memory());
    }
    (read, most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn a_reader_gets_all_passed_bytes_for_any_buffer_size(
        samples in vec(sample(), 0..20),
        sizes in vec(1..300_usize, 1..10),
        spaces in vec(1..500_usize, 1..10),
    ) {
        let bytes: Vec<u8> = samples.iter().flat_map(Sample::bytes).collect();
        let chunks = cut(&bytes, &sizes).into_iter().map(<[u8]>::to_vec).collect();
        let (read, _) = read_all(chunks, &spaces);
        prop_assert_eq!(read, filtered(&mut Filter::new(0), [&*bytes]));
    }
}

#[test]
fn a_reader_is_woken_by_the_socket_if_nothing_has_passed_yet() {
    let frame = framed(METHOD, 1, &deliver(b"ns.usage", b"7"));
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);
    let arriving = Arriving {
        chunks: frame.chunks(10).map(<[u8]>::to_vec).collect(),
        ..Arriving::default()
    };
    let mut stream = FilteredStream::new(arriving, 0);
    let mut buffer = [0; 1_000];
    for _ in 1..frame.chunks(10).count() {
        assert!(
            Pin::new(&mut stream)
                .poll_read(&mut cx, &mut buffer)
                .is_pending()
        );
        stream
            .inner_mut()
            .reader
            .take()
            .expect("the socket knows its reader")
            .wake();
    }
    let read = Pin::new(&mut stream).poll_read(&mut cx, &mut buffer);
    assert!(matches!(read, Poll::Ready(Ok(count)) if buffer[..count] == frame));
    assert_eq!(
        wakes.0.load(Ordering::Relaxed),
        frame.chunks(10).count() - 1
    );
}

#[test]
fn leftover_bytes_are_read_without_another_event_of_the_socket() {
    let bad = framed(HEADER, 1, &header(0, 1 << 7, &[1, 0xff]));
    let (read, most) = read_all(vec![bad.repeat(5_000)], &[10]);
    assert_eq!(read, filtered(&mut Filter::new(0), [&*bad.repeat(5_000)]));
    assert!(most < 2 << 20, "{most} bytes in memory");
}
