//! Several addresses of a broker: worker and SDK go on over another one.

use std::time::Duration;

use producer_sdk::{Client, Command, Options};
use testkit::{broker::TestBroker, db::TestDatabase, process::Deployment, proxy::Proxy};

/// Conformance: Ordering, failures and dead letters: With several addresses of the broker, worker
/// and SDK go on over another one when the one that they use dies or freezes
#[tokio::test(flavor = "multi_thread")]
async fn service_goes_on_over_another_address_when_one_dies_or_freezes() {
    let broker = TestBroker::undeclared(1).await;
    let target = Proxy::target(broker.url());
    let (one, two) = (
        Proxy::before(target.clone()).await,
        Proxy::before(target).await,
    );
    let list = format!(
        "{},{}",
        one.instead_of(broker.url()),
        two.instead_of(broker.url())
    );
    let namespace = broker.topology().namespace();
    let database = TestDatabase::postgres().await.migrated().await;
    let deployment = Deployment::on_servers(&list, &database.worker_url(), namespace);
    let worker = deployment.ready_worker().await;
    let options = Options {
        namespace: namespace.to_owned(),
        deadline: Duration::from_mins(2),
        confirm_timeout: Duration::from_mins(2),
        ..Options::default()
    };
    let client = Client::connect(&list, options).await.expect("a client");
    let failures = [(&one, false), (&two, false), (&one, true), (&two, true)];
    for (number, (proxy, freezes)) in failures.into_iter().enumerate() {
        if freezes {
            // The connections are cut, and new ones get no answer.
            proxy.deafen();
            proxy.cut();
        } else {
            proxy.close();
        }
        let user = format!("user-{number}");
        let command = Command::promotion(format!("g-{number}"), &user, 5);
        let outcome = client.send(&command).await.expect("an outcome");
        assert!(outcome.is_completed(), "{outcome:?}");
        let balance = client.balance(&user).await.expect("a balance");
        assert_eq!(balance.available_credits, 5);
        let published = "publish consume --service llm:tokens --amount 1 --wait --user";
        let published = published.split(' ').chain([user.as_str()]);
        deployment.succeed(&published.collect::<Vec<_>>()).await;
        proxy.open();
    }
    client.close().await.expect("closed");
    let log = worker.log();
    assert!(!log.contains("guest:guest"), "{log}");
    assert!(worker.terminate().await.success());
}
