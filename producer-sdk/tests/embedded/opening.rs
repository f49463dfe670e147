//! Opening a file.

use std::time::{Duration, Instant};

use producer_sdk::{Client, Error, Options, Producer};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::fixture::{File, consume};

/// An environment variable that is set in the process that works in the folder of the file.
const RELATIVE: &str = "SCRIP_TEST_RELATIVE";

/// Conformance: Embedded deployment: The data folder can be relative, and its name can have spaces
/// and characters special in URLs
#[tokio::test]
async fn a_relative_url_works_with_any_character_in_its_path() {
    if std::env::var_os(RELATIVE).is_some() {
        for url in [
            "sqlite://a file, 100%25 ours.db",
            "sqlite:a%20file%2C 100%25 ours.db?mode=rw",
        ] {
            let producer = Producer::connect(url, Options::default()).await;
            let producer = producer.unwrap_or_else(|error| panic!("{url}: {error:?}"));
            producer.publish(&consume(1)).await.expect("confirmed");
            producer.close().await.expect("closed");
        }
        return;
    }
    let file = File::migrated().await;
    let output = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "embedded::opening::a_relative_url_works_with_any_character_in_its_path",
        ])
        .env(RELATIVE, "yes")
        .current_dir(&file.folder)
        .output()
        .expect("it runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Here SQLite reports "locked" at once, not after the busy timeout.
#[tokio::test]
async fn opening_waits_for_a_file_that_another_process_is_creating() {
    let file = File::migrated().await;
    let foreign = file.connect().await;
    foreign
        .execute_unprepared("BEGIN IMMEDIATE")
        .await
        .expect("begun");
    let timeout = Duration::from_millis(300);
    let options = Options {
        connect_timeout: timeout,
        ..Options::default()
    };
    let started = Instant::now();
    let error = Producer::open(&file.path, options)
        .await
        .expect_err("it is held");
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    let waited = started.elapsed();
    assert!(waited >= timeout, "gave up after {waited:?}: {error:?}");
    foreign
        .execute_unprepared("COMMIT")
        .await
        .expect("committed");
    let producer = file.producer().await;
    producer.publish(&consume(1)).await.expect("enqueued");
    producer.close().await.expect("closed");
}

#[tokio::test]
async fn opening_a_file_without_a_queue_fails_with_advice_and_creates_no_file() {
    let file = File::missing();
    let error = Producer::open(&file.path, Options::default())
        .await
        .expect_err("no file");
    assert!(matches!(error, Error::NotMigrated));
    assert!(!file.path.exists());
    file.connect()
        .await
        .execute_unprepared("CREATE TABLE other (id INTEGER)")
        .await
        .expect("a file");
    let error = Client::open(&file.path, Options::default())
        .await
        .expect_err("no tables");
    assert!(error.to_string().contains("scrip migrate up"), "{error}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_in_a_folder_that_other_users_can_write_to_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let file = File::migrated().await;
    let folder = std::env::temp_dir().join(format!("scrip-link-{}", Uuid::now_v7().simple()));
    std::fs::create_dir(&folder).expect("the temporary folder is writable");
    let link = folder.join("scrip.db");
    symlink(&file.path, &link).expect("a link");
    for (mode, is_refused) in [(0o700, false), (0o777, true)] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode))
            .expect("its owner may");
        let opened = Producer::open(&link, Options::default()).await;
        match opened {
            Ok(producer) => {
                assert!(!is_refused);
                producer.close().await.expect("closes");
            }
            Err(error) => {
                assert!(is_refused, "{error:?}");
                let source = std::error::Error::source(&error)
                    .expect("a cause")
                    .to_string();
                assert!(
                    source.contains("is a symbolic link in the folder"),
                    "{source}"
                );
            }
        }
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
