//! Embedded mode: one file and one worker.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use integration::faults::{
    bench::{Bench, Verdict},
    fixture::Setup,
};

/// The size of the disk in MiB, for the short table and for the full one. It is larger than the
/// data that the load writes.
const DISK: [usize; 2] = [192, 1_024];

/// The disk of the file is filled and then freed again. Producers get errors and try again.
pub async fn disk_full(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let [short, full] = DISK;
    let disk = Disk::new(bench.times(short, full));
    let mut fixture = bench.fixture(on(&disk.folder)).await;
    let worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(40).await;
        let filler = disk.fill();
        // The full disk is the only cause. Wait until every producer has got an error.
        fixture.load.until_refused().await;
        std::fs::remove_file(&filler).expect("removes");
        let freed = fixture.fault();
        fixture.recovered(freed).await;
    }
    let verdict = fixture.finish(vec![worker]).await;
    drop(disk);
    verdict
}

/// The process is killed at any instruction.
pub async fn its_worker_is_killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 25);
    let folder = Folder::new();
    let mut fixture = bench.fixture(on(&folder.0)).await;
    let mut worker = fixture.worker().await;
    for _ in 0..times {
        fixture.moment(40).await;
        worker.kill().await;
        let dead = fixture.fault();
        worker = fixture.worker().await;
        fixture.recovered(dead).await;
    }
    let verdict = fixture.finish(vec![worker]).await;
    drop(folder);
    verdict
}

/// The setup for a file in this folder.
pub fn on(folder: &Path) -> Setup {
    Setup {
        file: Some(folder.to_owned()),
        ..Setup::default()
    }
}

/// A folder that belongs to one row.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder =
            std::env::temp_dir().join(format!("scrip-test-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("a writable folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A small disk that belongs to one row. Its mount needs the rights of root, possibly by `sudo`
/// without a password.
struct Disk {
    folder: PathBuf,
    _removed: Folder,
}

impl Disk {
    fn new(size: usize) -> Self {
        let removed = Folder::new();
        let folder = removed.0.clone();
        let size = format!("size={size}m");
        let mounted = as_root(
            &["mount", "-t", "tmpfs", "-o", &size, "scrip-test"],
            &folder,
        );
        if let Err(why) = mounted {
            panic!("a disk that may be filled cannot be mounted: {why}");
        }
        Self {
            folder,
            _removed: removed,
        }
    }

    /// Writes a file until the disk is full. Returns the file's path.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let filler = self.folder.join("filler");
        let mut file = std::fs::File::create(&filler).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root(&["umount", "--lazy"], &self.folder);
    }
}

/// Runs a command with `folder` as its last argument, and runs it with `sudo` if it fails. The
/// error contains the messages of both attempts.
fn as_root(command: &[&str], folder: &Path) -> Result<(), String> {
    let mut errors = Vec::new();
    for before in [&[][..], &["sudo", "--non-interactive"]] {
        let command = [before, command].concat();
        match Command::new(command[0])
            .args(&command[1..])
            .arg(folder)
            .output()
        {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => errors.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => errors.push(format!("{}: {error}", command[0])),
        }
    }
    Err(errors.join("; "))
}
