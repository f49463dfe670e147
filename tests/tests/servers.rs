//! The scripts that start and kill throw-away servers (`tests/servers`).
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

const ROUNDS: usize = 5;
const THREADS: usize = 200;
/// Enough for the end of the process to take a while.
const MEMORY: usize = 600 << 20;
/// Set in the process that stands for a server.
const SERVER: &str = "SCRIP_TEST_BIG_SERVER";

/// Kills the process `$1` and tells whether anybody listens on the port `$2` as soon as it is said to be gone.
const KILL: &str = r#"
source "$0/servers/lib.sh"
kill -KILL "$1"
until gone "$1"; do :; done
if listens "$2"; then echo listens; else echo silent; fi
"#;

#[test]
fn a_killed_server_is_gone_only_when_nobody_listens_on_its_port_any_more() {
    if std::env::var_os(SERVER).is_some() {
        serve();
    }
    for round in 0..ROUNDS {
        let (mut server, port) = start();
        let killed = Command::new("bash")
            .args(["-c", KILL, env!("CARGO_MANIFEST_DIR")])
            .args([server.id().to_string(), port])
            .output();
        // Nobody has reaped it until here, as nobody does whom the script could know.
        let _ = server.kill();
        let _ = server.wait();
        let killed = killed.expect("bash runs");
        let said = String::from_utf8_lossy(&killed.stdout);
        let errors = String::from_utf8_lossy(&killed.stderr);
        assert_eq!(said.trim(), "silent", "round {round}: {errors}");
    }
}

/// This test again, as a process that serves; with its port.
fn start() -> (Child, String) {
    let mut server = Command::new(std::env::current_exe().expect("the path of this program"))
        .args(["--exact", "--nocapture"])
        .arg("a_killed_server_is_gone_only_when_nobody_listens_on_its_port_any_more")
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(server.stdout.take().expect("its output")).lines();
    let port = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("port=").map(|(_, port)| port.to_owned()));
    (server, port.expect("it says its port"))
}

/// A server with many threads and much memory, which dies slowly.
fn serve() -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let memory = vec![1_u8; MEMORY];
    for _ in 0..THREADS {
        thread::spawn(|| thread::sleep(Duration::from_hours(1)));
    }
    println!("port={}", listener.local_addr().expect("bound").port());
    thread::sleep(Duration::from_mins(10));
    drop(memory);
    std::process::exit(1)
}
