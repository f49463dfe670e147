//! Backup and restore of the embedded file: after a clean stop the file is the whole ledger, and
//! `scrip backup` copies it at any time.

use std::{fs, path::PathBuf, thread, time::Duration};

use crate::process::{Home, bodies::promotion, look::Look};

impl Home {
    /// The files beside the ledger that exist: its write-ahead log, the index of the log, and its
    /// journal.
    fn leftovers(&self) -> Vec<PathBuf> {
        let beside = |suffix: &str| {
            let mut path = self.database().into_os_string();
            path.push(suffix);
            PathBuf::from(path)
        };
        let paths = [beside("-wal"), beside("-shm"), beside("-journal")];
        paths.into_iter().filter(|path| path.exists()).collect()
    }

    fn grant(&self, reference: &str, amount: i64) {
        let sent = self.scrip_reading(
            &["--json", "replay", "-", "--wait"],
            &promotion(reference, "u", amount),
        );
        assert_eq!(sent.ok().json()["completed"], 1);
    }

    fn balance(&self) -> i64 {
        let balance = self.scrip(&["--json", "balance", "u"]).ok().json();
        balance["balance"].as_i64().expect("a number")
    }

    /// A new home with a copy of the ledger file alone.
    fn copied(&self) -> Self {
        let copy = Self::new();
        fs::create_dir(copy.database().parent().expect("a folder")).expect("made");
        fs::copy(self.database(), copy.database()).expect("copied");
        copy
    }
}

/// Conformance: Embedded deployment: After a clean stop, and after every command, the file contains
/// the whole ledger
#[test]
fn after_a_clean_stop_the_file_is_the_whole_ledger() {
    let home = Home::new();
    let worker = home.ready_worker();
    home.grant("g-1", 5);
    assert!(worker.terminate().success());
    assert_eq!(home.leftovers(), [] as [PathBuf; 0]);
    let copy = home.copied();
    assert_eq!(copy.balance(), 5);
    copy.scrip(&["verify"]).ok();
}

/// Conformance: Embedded deployment: After a clean stop, and after every command, the file contains
/// the whole ledger
#[test]
fn after_a_clean_stop_the_file_is_the_whole_ledger_while_an_app_has_it_open() {
    let home = Home::new();
    let worker = home.ready_worker();
    let app = Look::at(&home);
    home.grant("g-1", 5);
    assert_eq!(app.number("SELECT count(*) FROM credits_balance"), 1);
    assert!(worker.terminate().success());
    let copy = home.copied();
    assert_eq!(copy.balance(), 5);
    copy.scrip(&["verify"]).ok();
    drop(app);
}

#[test]
fn after_a_clean_stop_the_file_is_the_whole_ledger_after_an_app_was_reading() {
    let home = Home::new();
    let worker = home.ready_worker();
    home.grant("g-1", 5);
    let app = Look::at(&home);
    app.execute("BEGIN");
    assert_eq!(app.number("SELECT balance FROM credits_balance"), 5);
    home.grant("g-2", 7);
    assert_eq!(
        app.number("SELECT balance FROM credits_balance"),
        5,
        "the open transaction reads the old balance"
    );
    let reading = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        app.execute("COMMIT");
        app
    });
    assert!(worker.terminate().success());
    let copy = home.copied();
    assert_eq!(copy.balance(), 12);
    drop(reading.join().expect("the app has read"));
}

/// Conformance: Embedded deployment: After a clean stop, and after every command, the file contains
/// the whole ledger
#[test]
fn no_command_leaves_a_part_of_the_ledger_beside_the_file() {
    let home = Home::new();
    let commands: &[&[&str]] = &[
        &["migrate", "up"],
        &[
            "publish",
            "grant",
            "--user",
            "u",
            "--reason",
            "registration_bonus",
        ],
        &[
            "publish",
            "consume",
            "--user",
            "u",
            "--service",
            "s",
            "--wait",
            "--timeout",
            "1",
        ],
        &["balance", "unknown"],
        &["history", "u"],
        &["batches", "u"],
        &["can-purchase", "u", "--package", "lite"],
        &["job", "list"],
        &["job", "run", "verify"],
        &["job", "run", "verify"],
        &["dead", "list"],
        &["dead", "drop", "--reason", "not_json", "--yes"],
        &["report"],
        &["verify"],
        &["migrate", "status"],
        &["migrate", "down", "--yes"],
    ];
    for arguments in commands {
        home.scrip(arguments);
        assert_eq!(home.leftovers(), [] as [PathBuf; 0], "{arguments:?}");
    }
    home.scrip_reading(&["replay", "-"], &promotion("g", "u", 5))
        .ok();
    assert_eq!(home.leftovers(), [] as [PathBuf; 0]);
    assert_eq!(
        Look::at(&home).number("SELECT count(*) FROM queue_message"),
        1
    );
}

/// Conformance: Embedded deployment: Backup and restore of the embedded file work as documented
#[test]
fn a_backup_from_a_running_worker_is_restored_after_a_crash() {
    let home = Home::new();
    let worker = home.ready_worker();
    home.grant("g-1", 5);
    let backup = home.folder().join("backup.db");
    let file = backup.display().to_string();
    home.scrip(&["backup", &file]).ok();
    let again = home.scrip(&["backup", &file]);
    assert_eq!(again.code, Some(1), "a backup is not overwritten");
    assert!(again.err.contains("already exists"), "{again:#?}");
    home.grant("g-2", 7);
    worker.kill();
    assert!(!home.leftovers().is_empty(), "a crash leaves the log");

    // The documented steps of a restore.
    for leftover in home.leftovers() {
        fs::remove_file(leftover).expect("removed");
    }
    fs::copy(&backup, home.database()).expect("restored");
    home.scrip(&["verify"]).ok();
    assert_eq!(home.balance(), 5);

    let worker = home.ready_worker();
    home.grant("g-2", 7);
    assert_eq!(home.balance(), 12);
    assert!(worker.terminate().success());
    assert_eq!(home.leftovers(), [] as [PathBuf; 0]);
}

/// Conformance: Embedded deployment: Backup and restore of the embedded file work as documented
#[test]
fn a_copy_made_after_a_clean_stop_is_a_backup() {
    let home = Home::new();
    let worker = home.ready_worker();
    home.grant("g-1", 5);
    assert!(worker.terminate().success());
    let backup = home.folder().join("backup.db");
    fs::copy(home.database(), &backup).expect("copied");
    let worker = home.ready_worker();
    home.grant("g-2", 7);
    assert!(worker.terminate().success());
    fs::copy(&backup, home.database()).expect("restored");
    assert_eq!(home.balance(), 5);
    home.scrip(&["verify"]).ok();
}
