//! The scripts that start and kill throw-away servers (`tests/servers`).

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use testkit::sources::root;

const ROUNDS: usize = 5;
const THREADS: usize = 200;
/// The memory of the process. It makes the end of the process slow.
const MEMORY: usize = 600 << 20;
/// This variable is set in the child process that acts as a server.
const SERVER: &str = "SCRIP_TEST_BIG_SERVER";

/// A script that kills the process `$1` with the function of the scripts, and then prints whether a
/// process still listens on the port `$2`.
const KILL: &str = r#"
source "$0/lib.sh"
kill -KILL "$1"
until gone "$1"; do :; done
if listens "$2"; then echo listens; else echo silent; fi
"#;

#[test]
fn a_killed_server_counts_as_gone_only_after_its_port_is_closed() {
    if std::env::var_os(SERVER).is_some() {
        serve();
    }
    for round in 0..ROUNDS {
        let (mut server, port) = start();
        let killed = Command::new("bash")
            .args(["-c", KILL])
            .arg(root().join("tests/servers"))
            .args([server.id().to_string(), port])
            .output();
        // The process has not been reaped until here, like a process with an unknown parent.
        let _ = server.kill();
        let _ = server.wait();
        let killed = killed.expect("bash runs");
        let stdout = String::from_utf8_lossy(&killed.stdout);
        let errors = String::from_utf8_lossy(&killed.stderr);
        assert_eq!(stdout.trim(), "silent", "round {round}: {errors}");
    }
}

/// Starts this test program as a server. Returns the process and its port.
fn start() -> (Child, String) {
    let mut server = Command::new(std::env::current_exe().expect("the path of this program"))
        .args(["--exact", "--nocapture"])
        .arg("servers::a_killed_server_counts_as_gone_only_after_its_port_is_closed")
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = BufReader::new(server.stdout.take().expect("its output")).lines();
    let port = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("port=").map(|(_, port)| port.to_owned()));
    (server, port.expect("the port on standard output"))
}

/// A server with many threads and much memory, which ends slowly.
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
