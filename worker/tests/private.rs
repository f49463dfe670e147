//! Access to the embedded file: only its owner can read it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use crate::process::Home;

const GRANT: [&str; 8] = [
    "publish",
    "grant",
    "--user",
    "ada",
    "--reason",
    "promotion",
    "--amount",
    "5",
];
const WARNING: &str = "other users of this machine have access to the ledger";

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("the file exists")
        .permissions()
        .mode()
        & 0o7777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .expect("the owner may change the mode");
}

#[test]
fn file_and_log_are_readable_by_their_owner_alone_in_any_folder() {
    let home = Home::new();
    let folder = home.folder().join("scrip");
    fs::create_dir(&folder).expect("a folder");
    set(&folder, 0o777);
    let mut worker = home.worker();
    worker.wait_for("ready");
    home.scrip(&GRANT).ok();
    for name in ["scrip.db", "scrip.db-wal", "scrip.db-shm"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    assert!(worker.terminate().success());
}

#[test]
fn a_worker_warns_of_a_folder_that_other_users_can_read() {
    let home = Home::new();
    let mut worker = home.worker();
    worker.wait_for("ready");
    assert!(worker.terminate().success());
    let folder = home.folder().join("scrip");
    assert_eq!(mode(&folder), 0o700);
    let checked = home.scrip(&["config", "check"]).ok();
    assert!(!checked.out.contains("warning"), "{checked:#?}");

    set(&folder, 0o755);
    let mut worker = home.worker();
    let line = worker.wait_for(WARNING);
    assert!(
        line.contains("WARN") && line.contains("mode=\"755\""),
        "{line}"
    );
    worker.wait_for("ready");
    assert!(worker.terminate().success());
    let checked = home.scrip(&["config", "check"]).ok();
    assert!(
        checked
            .out
            .contains("warning:   data_dir is open to other users ("),
        "{checked:#?}"
    );
}

#[test]
fn a_link_that_another_user_could_have_made_is_refused_by_every_command() {
    for name in ["scrip.db", "scrip.db-wal", "scrip.db-shm"] {
        let home = Home::new();
        let folder = home.folder().join("scrip");
        fs::create_dir(&folder).expect("a folder");
        let target = home.folder().join("target");
        symlink(&target, folder.join(name)).expect("a link");
        set(&folder, 0o777);
        for arguments in [&["run"][..], &GRANT, &["balance", "ada"], &["verify"]] {
            let refused = home.scrip(arguments);
            assert_eq!(refused.code, Some(1), "{refused:#?}");
            let said = format!("{name} is a symbolic link in the folder");
            assert!(refused.err.contains(&said), "{refused:#?}");
        }
        assert!(!target.exists());
    }
}
