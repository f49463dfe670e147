//! What the pool's sockets are told.
//!
//! - `TCP_NODELAY`. sqlx 0.9.0 lost it (<https://github.com/transact-rs/sqlx/issues/4335>). Without it the many small
//!   packets of a group's statements wait for delayed acknowledgements, and a group takes ten times as long.
//! - After how long a peer that has vanished without a word is given up. The library waits for the answer of a connection
//!   that comes back into the pool without a limit, and the system would try for a quarter of an hour: so long a
//!   connection of a network that is cut would hold its place in the pool.
//!
//! sqlx does not hand out its sockets, so we look for ours among the process's descriptors. This module goes when sqlx
//! can do both.

use std::{
    future::Future,
    io,
    mem::ManuallyDrop,
    net::TcpStream,
    os::fd::{FromRawFd, RawFd},
    pin::pin,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::time::{MissedTickBehavior, interval};

/// How long what was sent may stay without an acknowledgement, and, together, how long nothing may be heard where nothing is
/// sent. The server is told the same about us.
const SILENCE: Duration = Duration::from_mins(1);
/// After so long a silence the peer's machine is asked whether it is there.
const IDLE: Duration = Duration::from_secs(30);
/// And then again and again.
const INTERVAL: Duration = Duration::from_secs(10);

/// How often sockets are looked for while a connection is made.
const LOOK: Duration = Duration::from_millis(1);

/// Sets up sockets while a connection to `port` is being made. Shaking hands is a few small packets, too, two of which
/// wait for a delayed acknowledgement if nobody does.
pub async fn while_connecting_to<T>(port: u16, connecting: impl Future<Output = T>) -> T {
    let mut connecting = pin!(connecting);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            connected = &mut connecting => return connected,
            _ = look.tick() => {
                set_up_connections_to(port);
            }
        }
    }
}

/// Sets up every TCP socket of this process that is connected to `port`, and tells how many those are. Where the system
/// does not list descriptors (`/proc/self/fd`), nothing is set.
pub fn set_up_connections_to(port: u16) -> usize {
    descriptors()
        .filter(|fd| with_stream(*fd, |stream| connects_to(stream, port) && set_up(stream).is_ok()))
        .count()
}

/// How many TCP sockets of this process are connected to `port` and are set up, and how many are not.
pub fn count_connections_to(port: u16) -> (usize, usize) {
    let states = descriptors().filter_map(|fd| {
        with_stream(fd, |stream| {
            connects_to(stream, port).then(|| is_set_up(stream).unwrap_or(false))
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

fn set_up(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SILENCE))?;
    Ok(())
}

fn is_set_up(stream: &TcpStream) -> io::Result<bool> {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    let ends = socket.tcp_user_timeout()? == Some(SILENCE);
    #[cfg(not(target_os = "linux"))]
    let ends = true;
    Ok(stream.nodelay()? && socket.keepalive()? && ends)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use tokio::{net::TcpListener, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn a_socket_is_set_up_before_its_connection_is_made() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connecting = async {
            let stream = tokio::net::TcpStream::connect(address).await.expect("a stream");
            while !stream.nodelay().expect("an option") {
                yield_now().await;
            }
        };
        let limit = Duration::from_mins(1);
        let connected = tokio::time::timeout(limit, while_connecting_to(address.port(), connecting));
        connected.await.expect("it is set up");
    }
}
