//! Tests a connection that ends while a request is pending.

use std::fs;
use std::sync::mpsc;
use std::time::Instant;

use tokio::task::yield_now;

use super::super::test_peer::Peer;
use super::*;

const TIMEOUT: Duration = Duration::from_mins(1);

/// Whether the library's thread for the connection is still running.
fn is_read() -> bool {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    threads.flatten().any(|thread| {
        // The thread may have ended by now.
        let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
        name.trim_end() == "lapin-io-loop"
    })
}

/// The library's thread for a connection ends before its task knows. The task never answers a
/// request that it receives in between.
#[tokio::test]
async fn a_channel_request_while_the_connection_ends_fails() {
    let mut hits = 0;
    for _ in 0..100 {
        let (hang_up, hung_up) = mpsc::channel::<()>();
        let peer = Peer::start(move |_| {
            // Returns when the sender is dropped.
            let _ = hung_up.recv();
            Ok(())
        });
        let endpoint = Endpoint::parse(&peer.url, "test".to_owned(), TIMEOUT).expect("a URL");
        let connection = endpoint.connect().await.expect("connected");
        drop(hang_up);
        peer.join();
        let began = Instant::now();
        while is_read() {
            assert!(began.elapsed() < TIMEOUT, "the thread does not end");
            // The library reads the socket once. Then this thread is blocked until the library's
            // thread has had time to end.
            yield_now().await;
            let blocked = Instant::now();
            while is_read() && blocked.elapsed() < Duration::from_millis(20) {}
        }
        hits += u32::from(connection.status().connected());
        let opened = timeout(TIMEOUT, open_channel(&connection));
        assert!(opened.await.expect("an answer").is_err());
        if hits == 3 {
            return;
        }
    }
    panic!("the task always knew: `open_channel` need not check the connection any more");
}
