//! `TCP_NODELAY` for the pool's sockets.
//!
//! sqlx 0.9.0 lost it (<https://github.com/transact-rs/sqlx/issues/4335>). Without it the many small packets of a
//! group's statements wait for delayed acknowledgements, and a group takes ten times as long. sqlx does not hand
//! out its sockets, so we look for ours among the process's descriptors. This module goes when a fixed sqlx is out.

use std::{
    mem::ManuallyDrop,
    net::TcpStream,
    os::fd::{FromRawFd, RawFd},
};

/// Sets `TCP_NODELAY` on every TCP socket of this process that is connected to `port`, and tells on how many.
/// Where the system does not list descriptors (`/proc/self/fd`), nothing is set.
pub fn set_on_connections_to(port: u16) -> usize {
    descriptors()
        .filter(|fd| {
            with_stream(*fd, |stream| {
                connects_to(stream, port) && stream.set_nodelay(true).is_ok()
            })
        })
        .count()
}

/// How many TCP sockets of this process are connected to `port` with and without `TCP_NODELAY`.
pub fn count_on_connections_to(port: u16) -> (usize, usize) {
    let states = descriptors().filter_map(|fd| {
        with_stream(fd, |stream| {
            connects_to(stream, port).then(|| stream.nodelay().unwrap_or(false))
        })
    });
    states.fold((0, 0), |(with, without), on| {
        if on {
            (with + 1, without)
        } else {
            (with, without + 1)
        }
    })
}

fn descriptors() -> impl Iterator<Item = RawFd> {
    std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn connects_to(stream: &TcpStream, port: u16) -> bool {
    stream.peer_addr().is_ok_and(|peer| peer.port() == port)
}

/// Looks at a descriptor as if it were a TCP stream, without taking it over.
#[allow(unsafe_code)]
fn with_stream<T>(fd: RawFd, look: impl FnOnce(&TcpStream) -> T) -> T {
    // SAFETY: `ManuallyDrop` keeps the stream from closing a descriptor that is not ours. Every use is a call of
    // `getpeername`, `getsockopt` or `setsockopt`, which answer with an error if the descriptor is no TCP socket or
    // was closed in the meantime.
    let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(fd) });
    look(&stream)
}
