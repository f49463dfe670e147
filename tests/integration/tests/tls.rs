//! TLS to all three servers: connections use it, and a server with an invalid certificate gets no
//! password.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use producer_sdk::{Client, Command, Options};
use sea_orm::{ConnectionTrait, Statement};
use testkit::{
    broker::TestBroker,
    certificates::Certificates,
    db::TestDatabase,
    process::Deployment,
    secured::{Secured, with_user},
    servers::Server,
};
use tokio::time::{Instant, sleep, timeout};

/// This variable is set in the child process that acts as an app. It has the URL of the broker.
const APP: &str = "SCRIP_TEST_APP";
/// A password that no output may contain.
const SECRET: &str = "hUnter2";

/// Conformance: Security: Connections to RabbitMQ, PostgreSQL and Redis support TLS
/// Conformance: Configuration and command line: URLs with IPv4, IPv6, names, ports and Unix sockets
/// reach the named server, in worker and SDK
#[tokio::test]
async fn commands_go_over_tls_to_all_three_servers() {
    if let Ok(url) = std::env::var(APP) {
        return app(&url).await;
    }
    let secured = Secured::start().await;
    let deployment = secured.deployment();
    deployment.succeed(&["migrate", "up"]).await;
    let worker = deployment.ready_worker().await;
    let granted = deployment
        .succeed(&[
            "publish",
            "grant",
            "--user",
            "ada",
            "--reason",
            "registration_bonus",
            "--wait",
        ])
        .await;
    assert!(granted.starts_with("completed: +20"), "{granted}");
    run_app(&secured).await;
    let balance = deployment.succeed(&["balance", "ada"]).await;
    assert!(balance.contains("15"), "{balance}");

    let sessions = "SELECT string_agg(DISTINCT s.ssl::text, ',') AS found FROM pg_stat_ssl s
        JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'scrip'";
    let administrator = secured.administrator().await;
    let row = administrator
        .query_one_raw(Statement::from_string(
            administrator.get_database_backend(),
            sessions,
        ))
        .await
        .expect("an answer");
    let found: String = row
        .expect("a row")
        .try_get("", "found")
        .expect("some sessions");
    assert_eq!(found, "true", "every session of PostgreSQL has TLS");

    let connections = secured
        .rabbitmq
        .ctl(&["list_connections", "--quiet", "--no-table-headers", "ssl"])
        .await;
    let plain = connections
        .lines()
        .filter(|line| line.trim() != "true")
        .count();
    assert!(
        plain == 0 && connections.lines().count() >= 2,
        "{connections}"
    );

    let deadline = Instant::now() + Duration::from_mins(1);
    while !secured
        .ask_redis(&["GET", "credits:balance:ada"])
        .await
        .contains("\"balance\":15")
    {
        assert!(Instant::now() < deadline, "{}", worker.log());
        sleep(Duration::from_millis(20)).await;
    }
    let clients = secured.ask_redis(&["CLIENT", "LIST"]).await;
    let port = secured.redis.url().rsplit_once(':').expect("a port").1;
    assert!(
        clients.contains(&format!("laddr=127.0.0.1:{port} ")),
        "{clients}"
    );
    assert!(
        !worker.log().contains("redis is unavailable"),
        "{}",
        worker.log()
    );
    assert!(worker.terminate().await.success());
}

/// Runs an app with the SDK in a child process that trusts the servers' CA.
async fn run_app(secured: &Secured) {
    let app =
        tokio::process::Command::new(std::env::current_exe().expect("the path of this program"))
            .args(["--exact", "commands_go_over_tls_to_all_three_servers"])
            .env(APP, secured.amqp_url())
            .env("SSL_CERT_FILE", secured.certificates.ca())
            .env_remove("SSL_CERT_DIR")
            .output();
    let output = app.await.expect("the app runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

async fn app(url: &str) {
    let client = Client::connect(url, Options::default())
        .await
        .expect("a connection");
    let command = Command::consume("req-1", "ada", "google:image").amount(5);
    let outcome = client.send(&command).await.expect("an outcome");
    assert_eq!(outcome.amount, Some(-5));
    client.close().await.expect("closed");
}

/// Runs a command that must fail, and returns its error.
async fn failure(deployment: &Deployment, arguments: &[&str]) -> String {
    let output = deployment.run(arguments).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(!stderr.contains(SECRET), "{stderr}");
    stderr
}

/// Two configurations that do not trust the server: one trusts another CA, and one has another host
/// name in the URL. Each has the trusted CA, the URL and the expected error.
fn untrusted(certificates: &Certificates, url: &str) -> [(String, String, &'static str); 2] {
    let other_name = url.replace("@localhost", "@127.0.0.1");
    [
        (certificates.strange_ca(), url.to_owned(), "UnknownIssuer"),
        (certificates.ca(), other_name, "not valid for name"),
    ]
}

/// Conformance: Security: An unknown CA, a wrong host name and plain text are refused with an error
/// that gives the cause
#[tokio::test]
async fn a_broker_with_an_invalid_certificate_is_refused_with_a_reason() {
    let certificates = Certificates::make();
    let rabbitmq = Server::start_with_tls("rabbitmq", &certificates).await;
    let database = TestDatabase::postgres().await.migrated().await;
    let url = with_user(rabbitmq.url(), &format!("guest:{SECRET}"));
    let plain = format!("amqps://guest:{SECRET}@localhost:{}/%2f", rabbitmq.port());
    let [other_ca, other] = untrusted(&certificates, &url);
    for (trusted, url, message) in [
        other_ca,
        other,
        (certificates.ca(), plain, "does not speak TLS on this port"),
    ] {
        let mut deployment = Deployment::on_servers(&url, database.url(), "credits");
        deployment.set("SSL_CERT_FILE", &trusted);
        let publish = ["publish", "consume", "--user", "ada", "--service", "s"];
        let failure = failure(&deployment, &publish).await;
        assert!(failure.contains(message), "{message}: {failure}");
        let worker = deployment.worker();
        worker.wait_for(message).await;
        assert!(!worker.log().contains(SECRET), "{}", worker.log());
        worker.kill().await;
    }
}

/// Conformance: Security: An unknown CA, a wrong host name and plain text are refused with an error
/// that gives the cause
#[tokio::test]
async fn each_address_of_a_list_needs_a_certificate_for_its_own_host() {
    let certificates = Certificates::make();
    let rabbitmq = Server::start_with_tls("rabbitmq", &certificates).await;
    let database = TestDatabase::postgres().await.migrated().await;
    let right = with_user(rabbitmq.url(), "guest:guest");
    let wrong = right.replace("@localhost", "@127.0.0.1");
    let deploy = |list: &str| {
        let mut deployment = Deployment::on_servers(list, database.url(), "credits");
        deployment.set("SSL_CERT_FILE", &certificates.ca());
        deployment
    };
    for _ in 0..4 {
        let deployment = deploy(&format!("{wrong},{right}"));
        deployment.succeed(&["topology", "declare"]).await;
    }
    let wrong = wrong.replace("guest:guest", &format!("guest:{SECRET}"));
    let other = wrong.replace("@127.0.0.1", "@[::1]");
    let port = right
        .rsplit(':')
        .next()
        .and_then(|end| end.split('/').next());
    let port = port.expect("a port");
    let failure = failure(
        &deploy(&format!("{wrong},{other}")),
        &["topology", "declare"],
    )
    .await;
    for expected in [
        "none of the broker's 2 addresses can be used: ".to_owned(),
        format!("127.0.0.1:{port}: "),
        format!("[::1]:{port}: "),
        "not valid for name".to_owned(),
    ] {
        assert!(failure.contains(&expected), "{expected}: {failure}");
    }
}

/// Conformance: Security: An unknown CA, a wrong host name and plain text are refused with an error
/// that gives the cause
#[tokio::test]
async fn a_database_with_an_invalid_certificate_is_refused_with_a_reason() {
    let certificates = Certificates::make();
    let (postgres, plain) = tokio::join!(
        Server::start_with_tls("postgres", &certificates),
        Server::start("postgres")
    );
    let url = with_user(postgres.url(), &format!("postgres:{SECRET}"));
    let plain = |mode: &str| {
        let port = plain.port();
        let url = format!("postgres://postgres:{SECRET}@localhost:{port}/postgres?sslmode={mode}");
        (certificates.ca(), url, "server does not support TLS")
    };
    let misspelt = (
        certificates.ca(),
        url.replace("sslmode", "sslmod"),
        "parameter 1 is unknown",
    );
    let [other_ca, other] = untrusted(&certificates, &url);
    for (trusted, url, message) in [
        other_ca,
        other,
        plain("verify-full"),
        plain("require"),
        misspelt,
    ] {
        let mut deployment = Deployment::on_servers("amqps://localhost", &url, "credits");
        deployment.set("SSL_CERT_FILE", &trusted);
        let failure = failure(&deployment, &["migrate", "status"]).await;
        assert!(failure.contains(message), "{message}: {failure}");
    }
    let named = format!("{url}&sslrootcert={}", certificates.ca());
    let deployment = Deployment::on_servers("amqps://localhost", &named, "credits");
    deployment.succeed(&["migrate", "up"]).await;
}

/// Conformance: Security: An unknown CA, a wrong host name and plain text are refused with an error
/// that gives the cause
#[tokio::test]
async fn a_redis_with_an_invalid_certificate_is_not_used_and_the_log_has_the_reason() {
    let certificates = Certificates::make();
    let redis = Server::start_with_tls("redis", &certificates).await;
    let database = TestDatabase::postgres().await.migrated().await;
    let broker = TestBroker::start().await;
    let url = with_user(redis.url(), &format!(":{SECRET}"));
    let plain = format!("rediss://:{SECRET}@localhost:{}", redis.port());
    let [other_ca, other] = untrusted(&certificates, &url);
    let grant = "publish grant --user ada --reason promotion --amount 5 --wait";
    let grant: Vec<&str> = grant.split(' ').collect();
    for (trusted, url, message) in [
        other_ca,
        other,
        // Redis waits for the end of a line, and may send no response to other bytes.
        (certificates.ca(), plain, "error="),
    ] {
        let namespace = broker.topology().namespace();
        let mut deployment = Deployment::on_servers(broker.url(), database.url(), namespace);
        deployment.set("REDIS_URL", &url);
        deployment.set("SSL_CERT_FILE", &trusted);
        let worker = deployment.ready_worker().await;
        // The worker uses Redis after each change. On a busy machine the first attempt may time out
        // before the certificate is refused.
        let explained = async {
            while !worker
                .log()
                .lines()
                .any(|line| line.contains("redis is unavailable") && line.contains(message))
            {
                let granted = deployment.succeed(&grant).await;
                assert!(granted.starts_with("completed: +5"), "{granted}");
            }
        };
        let why = timeout(Duration::from_mins(1), explained).await;
        let log = worker.log();
        assert!(why.is_ok() && !log.contains(SECRET), "{message}: {log}");
        assert!(worker.terminate().await.success());
    }
}
