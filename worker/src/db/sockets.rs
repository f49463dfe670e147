//! Socket options of the pooled connections.
//!
//! - `TCP_NODELAY`. sqlx 0.9.0 does not set it (<https://github.com/transact-rs/sqlx/issues/4335>).
//!   Without it the many small packets of a group's statements wait for delayed acknowledgements,
//!   and a group takes ten times as long.
//! - Keepalive and a timeout for unacknowledged data, to detect a peer that has vanished silently.
//!   When a connection returns to the pool, the library waits for its response without a limit,
//!   and the operating system retries for a quarter of an hour. Without these options a connection
//!   over a broken network would occupy the pool for that long.
//!
//! sqlx gives no access to its sockets, so this module finds them among the descriptors of the
//! process. It can be removed when sqlx sets both.

use std::{
    future::Future,
    io,
    mem::ManuallyDrop,
    net::{Shutdown, SocketAddr, TcpStream},
    os::fd::{FromRawFd, RawFd},
    pin::pin,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::time::{MissedTickBehavior, interval};

/// Maximum time that sent data may stay unacknowledged, and time until an idle connection without
/// replies to its probes is closed. The sessions set the same value for the server's side.
const SILENCE: Duration = Duration::from_mins(1);
/// Idle time before the first keepalive probe.
const IDLE: Duration = Duration::from_secs(30);
/// Interval between keepalive probes.
const INTERVAL: Duration = Duration::from_secs(10);

/// Interval of the search for new sockets while a connection is being opened.
const LOOK: Duration = Duration::from_millis(1);

/// Sets up sockets while `connecting` opens a connection to one of `ports`.
///
/// The handshake consists of small packets, too. Without the options two of them would wait for a
/// delayed acknowledgement.
pub async fn while_connecting_to<T>(ports: &[u16], connecting: impl Future<Output = T>) -> T {
    let mut connecting = pin!(connecting);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            connected = &mut connecting => return connected,
            _ = look.tick() => {
                set_up_connections_to(ports);
            }
        }
    }
}

/// Sets up every TCP socket of this process that is connected to one of `ports`, and returns their
/// number. Does nothing if the system does not list descriptors (`/proc/self/fd`).
pub fn set_up_connections_to(ports: &[u16]) -> usize {
    descriptors()
        .filter(|fd| {
            with_stream(*fd, |stream| {
                connects_to(stream, ports) && set_up(stream).is_ok()
            })
        })
        .count()
}

/// Every TCP connection of this process to one of `peers`, as a duplicate of its socket.
///
/// Another thread may close a descriptor at any time, and its number may become that of another
/// socket. A duplicate stays the same socket, so its peer is what counts. Only sockets to `peers`
/// are duplicated: closing the duplicate of a file would end this process's locks on that file.
pub fn connections_to(peers: &[SocketAddr]) -> Vec<TcpStream> {
    let leads_there = |stream: &TcpStream| {
        let peer = stream.peer_addr();
        peer.is_ok_and(|peer| peers.iter().any(|other| is_same(peer, *other)))
    };
    let duplicate = |fd| {
        let duplicate = with_stream(fd, |stream| {
            leads_there(stream).then(|| stream.try_clone().ok())
        });
        duplicate.flatten()
    };
    // Chosen before the first is duplicated: the list also has the number of the folder that is read,
    // and a duplicate would get that number.
    let leading = descriptors().filter(|fd| with_stream(*fd, leads_there));
    let leading: Vec<RawFd> = leading.collect();
    let duplicates = leading.into_iter().filter_map(duplicate);
    duplicates.filter(leads_there).collect()
}

/// Ends connections, and returns their number. A statement that waits for an answer there fails at
/// once.
pub fn end(connections: Vec<TcpStream>) -> usize {
    let ended = connections
        .into_iter()
        .filter(|stream| stream.shutdown(Shutdown::Both).is_ok());
    ended.count()
}

/// Whether two addresses are the same, also if one is written as that of IPv6.
fn is_same(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
}

/// Counts the TCP sockets of this process that are connected to `port`: those that are set up, and
/// those that are not.
pub fn count_connections_to(port: u16) -> (usize, usize) {
    let states = descriptors().filter_map(|fd| {
        with_stream(fd, |stream| {
            connects_to(stream, &[port]).then(|| is_set_up(stream).unwrap_or(false))
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

fn connects_to(stream: &TcpStream, ports: &[u16]) -> bool {
    let peer = stream.peer_addr();
    peer.is_ok_and(|peer| ports.contains(&peer.port()))
}

/// Calls `look` with a descriptor as a TCP stream, without taking ownership of it.
#[allow(unsafe_code)]
fn with_stream<T>(fd: RawFd, look: impl FnOnce(&TcpStream) -> T) -> T {
    // SAFETY: `ManuallyDrop` keeps the stream from closing a descriptor that it does not own. Every
    // use calls `getpeername`, `getsockopt`, `setsockopt` or `fcntl(F_DUPFD_CLOEXEC)`. The first
    // three return an error if the descriptor is not a TCP socket, and all do if it was closed in
    // the meantime.
    let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(fd) });
    look(&stream)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test fails by panicking")]

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::yield_now,
    };

    use super::*;

    #[tokio::test]
    async fn only_connections_to_the_given_peer_are_ended() {
        let ended = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let kept = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut streams = Vec::new();
        for listener in [&ended, &kept] {
            let address = listener.local_addr().expect("an address");
            let stream = tokio::net::TcpStream::connect(address).await;
            streams.push(stream.expect("a stream"));
        }
        let peer = ended.local_addr().expect("an address");
        assert_eq!(end(connections_to(&[peer])), 1);
        let mut buffer = [0];
        assert_eq!(streams[0].read(&mut buffer).await.expect("the end"), 0);
        streams[1].write_all(b"x").await.expect("still open");
    }

    #[tokio::test]
    async fn a_connection_that_was_opened_later_is_not_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let closed = tokio::net::TcpStream::connect(address).await;
        let listed = connections_to(&[address]);
        assert_eq!(listed.len(), 1);
        // The new socket may get the number of the closed one.
        drop(closed);
        let kept = tokio::net::TcpStream::connect(address).await;
        assert_eq!(end(listed), 1);
        let mut kept = kept.expect("a stream");
        kept.write_all(b"x").await.expect("still open");
    }

    #[tokio::test]
    async fn a_socket_is_set_up_before_its_connection_is_complete() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connecting = async {
            let stream = tokio::net::TcpStream::connect(address)
                .await
                .expect("a stream");
            while !stream.nodelay().expect("an option") {
                yield_now().await;
            }
        };
        let limit = Duration::from_mins(1);
        let ports = [address.port()];
        let connected = tokio::time::timeout(limit, while_connecting_to(&ports, connecting));
        connected.await.expect("it is set up");
    }
}
