//! Bad requests to the health server, and its client `scrip health`.

use serde_json::Value;
use testkit::{broker::TIMEOUT, process::Deployment};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::fixture::{assert_alive, get, health, listen, ready, send_raw};

#[tokio::test]
async fn bad_requests_get_an_error_and_are_bounded() {
    let mut deployment = Deployment::embedded();
    let address = listen(&mut deployment);
    let worker = deployment.worker();
    ready(address).await;

    let unknown = get(address, "/nowhere").await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.body.contains("/livez, /readyz or /metrics"),
        "{}",
        unknown.body
    );

    let post = b"POST /readyz HTTP/1.1\r\nHost: scrip\r\nContent-Length: 1000000000\r\n\r\nbody";
    let posted = send_raw(address, post).await.expect("an answer");
    assert_eq!(posted.status, 405);
    assert!(posted.head.contains("allow: get, head"), "{}", posted.head);

    let headed = send_raw(address, b"HEAD /readyz HTTP/1.1\r\nHost: scrip\r\n\r\n").await;
    let headed = headed.expect("an answer");
    assert_eq!((headed.status, headed.body.as_str()), (200, ""));

    assert_eq!(
        send_raw(address, b"what?\r\n\r\n")
            .await
            .expect("an answer")
            .status,
        400
    );
    let long = format!(
        "GET /livez HTTP/1.1\r\nHost: scrip\r\nX: {}\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(
        send_raw(address, long.as_bytes())
            .await
            .is_none_or(|long| long.status == 431)
    );
    let many = format!(
        "GET /livez HTTP/1.1\r\nHost: scrip\r\n{}\r\n",
        "X: y\r\n".repeat(100)
    );
    assert!(
        send_raw(address, many.as_bytes())
            .await
            .is_none_or(|many| many.status == 431)
    );
    ready(address).await;
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn any_number_of_slow_clients_delay_no_others_and_are_disconnected() {
    let mut deployment = Deployment::embedded();
    let address = listen(&mut deployment);
    let worker = deployment.worker();
    ready(address).await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /livez HT").await.unwrap();
        slow.push(stream);
    }
    assert_alive(address).await;
    let mut rest = Vec::new();
    let closed = timeout(TIMEOUT, slow[0].read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "the connection is never closed");
    assert!(rest.is_empty(), "{rest:?}");
    drop(slow);
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn the_exit_code_of_scrip_health_is_the_state_of_the_worker() {
    let mut deployment = Deployment::embedded();
    let unset = deployment.run(&["health"]).await;
    assert_eq!(unset.status.code(), Some(1));
    let error = String::from_utf8_lossy(&unset.stderr).into_owned();
    assert!(error.contains("`health.listen` is not set"), "{error}");

    let address = listen(&mut deployment);
    let no_worker = deployment.run(&["health"]).await;
    assert_eq!(no_worker.status.code(), Some(1));
    let error = String::from_utf8_lossy(&no_worker.stderr).into_owned();
    assert!(
        error.contains(&format!("cannot reach a worker at {address}")),
        "{error}"
    );

    let worker = deployment.worker();
    ready(address).await;
    assert_eq!(health(&deployment, &["--live"]).await, 0);
    let table = deployment.succeed(&["health"]).await;
    assert!(table.starts_with("ready\n"), "{table}");
    let lanes = table.lines().find(|line| line.starts_with("lanes"));
    assert!(
        lanes.is_some_and(|lanes| lanes.contains("ok") && lanes.contains("serving 1")),
        "{table}"
    );
    let json: Value =
        serde_json::from_str(&deployment.succeed(&["health", "--json"]).await).unwrap();
    assert_eq!(
        (&json["ok"], &json["checks"]["database"]["ok"]),
        (&true.into(), &true.into())
    );

    let second = deployment.worker();
    second.wait_for("health.listen").await;
    assert!(
        second.log().contains(&address.to_string()),
        "{}",
        second.log()
    );
    assert!(!second.ended().await.success(), "the address is in use");
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn scrip_health_does_not_accept_another_program_as_a_worker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut deployment = Deployment::embedded();
    let address = listener.local_addr().unwrap().to_string();
    deployment.set("SCRIP__HEALTH__LISTEN", &address);
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = [0; 1024];
        let _ = stream.read(&mut asked).await.unwrap();
        stream
            .write_all(b"HTTP/1.0 200 OK\r\n\r\nhello")
            .await
            .unwrap();
    });
    let output = deployment.run(&["health"]).await;
    other.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("is not a Scrip worker"), "{error}");
}
