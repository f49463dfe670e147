//! A socket with the filter between it and its reader.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

use super::filter::Filter;

/// The maximum number of bytes per read. It bounds the memory of the filter.
const CHUNK: usize = 64 * 1024;

/// Reads pass through the filter, writes do not.
#[derive(Debug)]
pub struct FilteredStream<S> {
    inner: S,
    filter: Filter,
    /// Bytes that have passed the filter and are not read yet, starting at `read_to`.
    ready: Vec<u8>,
    read_to: usize,
    /// The start of a frame that must be complete before it is examined.
    held: Vec<u8>,
    /// Resolves when the connection is open. It fails if the connection is given up before that.
    opening: Option<oneshot::Receiver<()>>,
}

impl<S> FilteredStream<S> {
    /// `frame_max` is the value of the URL, in bytes. 0 means that the broker decides.
    pub(super) fn new(inner: S, frame_max: u32) -> Self {
        Self {
            inner,
            filter: Filter::new(frame_max),
            ready: Vec::new(),
            read_to: 0,
            held: Vec::new(),
            opening: None,
        }
    }

    /// Ends reading if the sender is dropped before it has sent.
    pub(super) fn while_opening(self, opening: oneshot::Receiver<()>) -> Self {
        Self {
            opening: Some(opening),
            ..self
        }
    }

    /// Whether the connection was given up before it was open.
    fn is_abandoned(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(opening) = &mut self.opening else {
            return false;
        };
        match Pin::new(opening).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(opened) => {
                self.opening = None;
                opened.is_err()
            }
        }
    }

    fn take_ready(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.ready[self.read_to..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read_to += count;
        if self.read_to == self.ready.len() {
            self.ready.clear();
            self.read_to = 0;
        }
        count
    }
}

impl<S: AsyncRead + Unpin> FilteredStream<S> {
    /// Reads into the caller's buffer and filters it in place. Returns the number of bytes that
    /// were read and the number of bytes that pass.
    fn read_direct(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, usize)>> {
        let space = buffer.len().min(CHUNK);
        let count = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer[..space]))?;
        let passed = self.filter.feed(&buffer[..count]);
        self.ready = self.filter.take_spilled();
        Poll::Ready(Ok((count, passed)))
    }

    /// Reads more bytes after those that are held back.
    fn read_after_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let before = self.held.len();
        self.held.resize(before + CHUNK, 0);
        let read = Pin::new(&mut self.inner).poll_read(cx, &mut self.held[before..]);
        let count = match &read {
            Poll::Ready(Ok(count)) => *count,
            _ => 0,
        };
        self.held.truncate(before + count);
        if count > 0 {
            let passed = self.filter.feed(&self.held);
            self.held.truncate(passed);
            self.held.extend(self.filter.take_spilled());
            self.ready = std::mem::take(&mut self.held);
        }
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FilteredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.is_abandoned(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            if !this.ready.is_empty() {
                return Poll::Ready(Ok(this.take_ready(buffer)));
            }
            let (count, passed) = if this.held.is_empty() {
                ready!(this.read_direct(cx, buffer))?
            } else {
                (ready!(this.read_after_held(cx))?, 0)
            };
            if count == 0 {
                // The end of the stream. A frame that is held back remains incomplete.
                return Poll::Ready(Ok(0));
            }
            this.held = this.filter.take_held();
            if passed > 0 {
                return Poll::Ready(Ok(passed));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FilteredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

#[cfg(test)]
impl<S> FilteredStream<S> {
    pub(super) fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The number of bytes in memory.
    pub(super) fn in_memory(&self) -> usize {
        self.ready.len() + self.held.len() + self.filter.in_memory()
    }
}
