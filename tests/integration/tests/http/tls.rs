//! TLS of the HTTP server: with real certificates, made for each test.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::Value;
use testkit::{certificates::Certificates, process::Deployment};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    client::{get, raw},
    fixture::{BOTH, Fixture, On},
    monitoring::{free_address, sample},
    tls_client::{TlsClient, VERSIONS, borrowed, certificate_of, settings},
};

/// A limit for everything that takes less than a second on a free machine.
const SOON: Duration = Duration::from_secs(30);

/// Conformance: HTTP API: With a certificate the server speaks TLS 1.2 and 1.3 and nothing else
#[tokio::test(flavor = "multi_thread")]
async fn requests_go_over_tls_and_other_connections_are_closed() {
    let certificates = Certificates::make();
    let settings = settings(&certificates);
    for on in BOTH {
        let fixture = Fixture::with(on, &borrowed(&settings)).await;
        let token = fixture.admin().await;
        let request = get("/v1/packages").token(&token);
        for version in VERSIONS {
            let client = TlsClient::speaking(&certificates.ca(), &[version], "http/1.1");
            let stream = client.connect(fixture.address).await.expect("a handshake");
            let (_, session) = stream.get_ref();
            assert_eq!(session.protocol_version(), Some(version.version));
            assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
            client.send(&request, fixture.address).await.expect(200);
        }

        // The client refuses an authority that it does not know, and the server another protocol.
        let stranger = TlsClient::trusting(&certificates.strange_ca());
        let error = stranger
            .connect(fixture.address)
            .await
            .expect_err("refused");
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        let http2 = TlsClient::speaking(&certificates.ca(), &VERSIONS, "h2");
        let error = http2.connect(fixture.address).await.expect_err("refused");
        assert!(
            error.to_string().contains("NoApplicationProtocol"),
            "{error}"
        );

        // A request without TLS gets no response, and the server serves on.
        let plain = raw(fixture.address, &request.bytes()).await;
        assert!(plain.is_none(), "{plain:?}");
        let client = TlsClient::trusting(&certificates.ca());
        client.send(&request, fixture.address).await.expect(200);
        let log = fixture.server.as_ref().expect("a server").log();
        assert!(log.contains("tls=true"), "{log}");
        fixture.finish().await;
    }
}

/// Conformance: HTTP API: Clients that hold connections open do not keep the server from others
/// for longer than the time limit of a request
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_do_not_end_are_ended_and_their_places_are_used_again() {
    let certificates = Certificates::make();
    let health = free_address();
    let mut settings = settings(&certificates).to_vec();
    settings.extend([
        ("SCRIP__HTTP__REQUEST_TIMEOUT", "3s".to_owned()),
        ("SCRIP__HTTP__MAX_CONNECTIONS", "4".to_owned()),
        ("SCRIP__HEALTH__LISTEN", health.to_string()),
    ]);
    let fixture = Fixture::with(On::File, &borrowed(&settings)).await;
    let token = fixture.admin().await;
    let mut idle = Vec::new();
    for number in 0..12 {
        let mut stream = TcpStream::connect(fixture.address)
            .await
            .expect("connected");
        if number % 2 == 0 {
            // The beginning of a handshake.
            stream.write_all(&[22, 3, 1, 1, 0, 1]).await.expect("sent");
        }
        idle.push(stream);
    }
    let client = TlsClient::trusting(&certificates.ca());
    let began = Instant::now();
    let request = get("/v1/packages").token(&token);
    client.send(&request, fixture.address).await.expect(200);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    for mut stream in idle {
        let read = timeout(SOON, stream.read_to_end(&mut Vec::new())).await;
        let _ = read.expect("the server ends the handshake");
    }
    let metrics = get("/metrics").send(health).await.text;
    for (result, expected) in [("timed_out", 12.0), ("completed", 1.0), ("failed", 0.0)] {
        let name = format!(r#"scrip_http_handshakes_total{{result="{result}"}}"#);
        assert_eq!(sample(&metrics, &name), Some(expected), "{metrics}");
    }
    let end = sample(&metrics, "scrip_http_certificate_end_timestamp_seconds");
    let days = (end.expect("an end") - now()) / 86_400.0;
    assert!((1.9..2.1).contains(&days), "{days}");
    fixture.finish().await;
}

fn now() -> f64 {
    let now = std::time::UNIX_EPOCH.elapsed();
    now.expect("after 1970").as_secs_f64()
}

/// Conformance: HTTP API: A renewed certificate is used without a restart, and one that cannot be
/// used leaves the old one in use
#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_bad_one_is_not() {
    const RENEWED: &str = "certificate of the HTTP server renewed";
    const UNUSABLE: &str = "renewed certificate of the HTTP server is unusable";
    let certificates = Certificates::make();
    let mut settings = settings(&certificates).to_vec();
    // A connection stays open during the first renewal.
    settings.push(("SCRIP__HTTP__REQUEST_TIMEOUT", "5m".to_owned()));
    let fixture = Fixture::with(On::File, &borrowed(&settings)).await;
    let token = fixture.admin().await;
    let request = get("/v1/packages").token(&token);
    let client = TlsClient::trusting(&certificates.ca());
    let shown = async || {
        let stream = client.connect(fixture.address).await.expect("a handshake");
        certificate_of(&stream)
    };
    let server = fixture.server.as_ref().expect("a server");
    let mut open = client.connect(fixture.address).await.expect("a handshake");
    let first = shown().await;
    assert_eq!(certificate_of(&open), first);
    certificates.renew();
    server.wait_for(RENEWED).await;
    let second = shown().await;
    assert_ne!(second, first);
    // A connection from before still works.
    let sent = open.write_all(&request.bytes()).await;
    sent.expect("an open connection");
    crate::client::finish(open)
        .await
        .expect("a response")
        .expect(200);

    // The key of another certificate.
    let [_, key] = certificates.server();
    let other = Certificates::make();
    let [_, other_key] = other.server();
    let other_key = fs::read_to_string(other_key).expect("a key");
    fs::write(&key, &other_key).expect("written");
    server.wait_for("not the key of the certificate").await;
    assert_eq!(shown().await, second);
    client.send(&request, fixture.address).await.expect(200);
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains(UNUSABLE) && line.contains("http.tls_key"))
        .expect("a line");
    for expected in [
        "alarm=true",
        "http.tls_key",
        "not the key of the certificate",
    ] {
        assert!(line.contains(expected), "{line}");
    }
    let secret = other_key.lines().nth(1).expect("a line of the key");
    assert!(!log.contains(secret), "{log}");

    certificates.renew();
    server.wait_for_more(RENEWED, 1).await;
    let third = shown().await;
    assert_ne!(third, second);

    // An old certificate that a backup brought back, and no file at all.
    certificates.expire();
    server.wait_for("certificate is valid from").await;
    assert_eq!(shown().await, third);
    let [certificate, _] = certificates.server();
    fs::remove_file(&certificate).expect("removed");
    fs::create_dir(&certificate).expect("created");
    server.wait_for("which is not a file").await;
    assert_eq!(shown().await, third);
    fixture.finish().await;
}

/// Conformance: HTTP API: Files of a certificate that cannot be used stop the server, with the file
/// and the reason
#[tokio::test]
async fn files_that_cannot_be_used_stop_the_server_and_the_check_with_their_reasons() {
    let certificates = Certificates::make();
    let [certificate, key] = certificates.server();
    certificates.run("pkcs8 -topk8 -in server.key -passout pass:hunter2 -out locked.key");
    let folder = certificates.folder();
    let path = |name: &str| folder.join(name).display().to_string();
    fs::write(path("empty.pem"), "hunter2").expect("written");
    fs::write(
        path("broken.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .expect("written");
    for (certificate, key, expected) in [
        (
            path("none.crt"),
            key.clone(),
            &["http.tls_certificate", "none.crt", "cannot be read"][..],
        ),
        (
            path("none.crt"),
            path("none.key"),
            &["in 2 places", "none.crt", "none.key", "http.tls_key"],
        ),
        (
            path("empty.pem"),
            key.clone(),
            &["http.tls_certificate", "no certificate is found"],
        ),
        (
            path("broken.pem"),
            key.clone(),
            &["http.tls_certificate", "first certificate cannot be read"],
        ),
        (
            certificate.clone(),
            path("empty.pem"),
            &["http.tls_key", "no private key without a password"],
        ),
        (
            certificate.clone(),
            path("locked.key"),
            &["http.tls_key", "no private key without a password"],
        ),
        (
            certificate.clone(),
            path("ca.key"),
            &[
                "http.tls_key",
                "not the key of the certificate in",
                "server.crt",
            ],
        ),
    ] {
        let mut deployment = Deployment::embedded();
        deployment.set("SCRIP__HTTP__TLS_CERTIFICATE", &certificate);
        deployment.set("SCRIP__HTTP__TLS_KEY", &key);
        for command in [
            &["config", "check"][..],
            &["http", "--listen", "127.0.0.1:0"],
            &["run", "--http", "127.0.0.1:0"],
        ] {
            let said = deployment.fail(command).await;
            for expected in expected.iter().chain(&["set by SCRIP__HTTP__TLS_"]) {
                assert!(said.contains(expected), "{command:?}: {expected}: {said}");
            }
            assert!(!said.contains("hunter2"), "{said}");
        }
        let json = deployment.fail(&["config", "check", "--json"]).await;
        let json: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["ok"], false, "{json}");
        // Commands that do not serve HTTP do not need the files.
        deployment.succeed(&["config", "show"]).await;
    }
}

/// Conformance: HTTP API: A certificate that has expired, and a key that other users can read, are
/// warnings
#[tokio::test]
async fn an_expired_certificate_and_a_key_that_others_can_read_are_warnings() {
    const EXPIRED: &str = "warning:   http.tls_certificate is";
    const EXPOSED: &str = "warning:   http.tls_key is";
    let certificates = Certificates::make();
    let mut deployment = Deployment::embedded();
    for (name, value) in settings(&certificates) {
        deployment.set(name, &value);
    }
    let [_, key] = certificates.server();
    let checked = async |mode| {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).expect("the owner");
        let said = deployment.succeed(&["config", "check"]).await;
        assert!(said.ends_with("ok\n"), "{said}");
        (said.contains(EXPIRED), said.contains(EXPOSED))
    };
    assert_eq!(checked(0o640).await, (false, false));
    assert_eq!(checked(0o644).await, (false, true));
    certificates.expire();
    assert_eq!(checked(0o600).await, (true, false));
    let server = deployment.start(&["run", "--http", "127.0.0.1:0"]);
    server
        .wait_for("certificate or key of the HTTP server is unsafe")
        .await;
    server.wait_for("serving HTTP").await;
    assert!(
        server.log().contains("which expired at"),
        "{}",
        server.log()
    );
    assert!(server.terminate().await.success());
}

/// Conformance: HTTP API: A key in place of the certificate is not shown
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_place_of_the_certificate_is_not_shown() {
    let certificates = Certificates::make();
    let mut deployment = Deployment::embedded();
    for (name, value) in settings(&certificates) {
        deployment.set(name, &value);
    }
    let [certificate, key] = certificates.server();
    let key = fs::read_to_string(key).expect("a key");
    let chain = fs::read_to_string(&certificate).expect("a certificate");
    // Templates of secrets lose line ends.
    let one_line = key.replace('\n', "\\n");
    let bytes = format!("{:?}", &one_line.as_bytes()[..30]);
    let secret = key.lines().nth(1).expect("a line of the key");
    for wrong in [one_line.clone(), format!("{chain}{one_line}"), key.clone()] {
        fs::write(&certificate, &wrong).expect("written");
        let said = deployment.fail(&["config", "check"]).await;
        assert!(said.contains("http.tls_certificate"), "{said}");
        let shown = said.contains(secret) || said.contains(bytes.trim_matches(['[', ']']));
        assert!(!shown, "{said}");
    }
}
