//! The embedded default: one file, one worker.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tests::faults::{
    bench::{Bench, Verdict},
    stage::Setup,
};

/// How large the disk is, in MiB: larger than what the load writes, in the short version of the table and in the full one.
const DISK: [usize; 2] = [192, 1_024];

/// Somebody fills the disk that the file is on, and makes room again. Producers are told, and try again.
pub async fn disk_full(bench: &mut Bench) -> Verdict {
    let times = bench.times(2, 15);
    let [short, full] = DISK;
    let disk = Disk::new(bench.times(short, full));
    let mut stage = bench.stage(on(&disk.folder)).await;
    let worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(40).await;
        let stuff = disk.fill();
        // Nothing goes on, and nobody says so but the disk: until every producer has been refused.
        stage.load.until_refused().await;
        std::fs::remove_file(&stuff).expect("removes");
        let room = stage.fault();
        stage.recovered(room).await;
    }
    let verdict = stage.finish(vec![worker]).await;
    drop(disk);
    verdict
}

/// The process ends at whatever instruction it is.
pub async fn its_worker_is_killed(bench: &mut Bench) -> Verdict {
    let times = bench.times(3, 25);
    let folder = Folder::new();
    let mut stage = bench.stage(on(&folder.0)).await;
    let mut worker = stage.worker().await;
    for _ in 0..times {
        stage.moment(40).await;
        worker.kill().await;
        let dead = stage.fault();
        worker = stage.worker().await;
        stage.recovered(dead).await;
    }
    let verdict = stage.finish(vec![worker]).await;
    drop(folder);
    verdict
}

/// On the file in a folder.
pub fn on(folder: &Path) -> Setup {
    Setup {
        file: Some(folder.to_owned()),
        ..Setup::default()
    }
}

/// A folder of the row's own.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-test-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("a writable folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A small disk of the row's own. Mounting one takes rights: root's, which `sudo` may give without a question.
struct Disk {
    folder: PathBuf,
    _removed: Folder,
}

impl Disk {
    fn new(size: usize) -> Self {
        let removed = Folder::new();
        let folder = removed.0.clone();
        let size = format!("size={size}m");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &size, "scrip-test"], &folder);
        if let Err(why) = mounted {
            panic!("a disk that may be filled cannot be mounted: {why}");
        }
        Self {
            folder,
            _removed: removed,
        }
    }

    /// Writes until nothing fits any more. Returns what has to be removed again.
    fn fill(&self) -> PathBuf {
        use std::io::Write;
        let stuff = self.folder.join("stuff");
        let mut file = std::fs::File::create(&stuff).expect("a file");
        for size in [1 << 20, 1 << 12, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        stuff
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = as_root(&["umount", "--lazy"], &self.folder);
    }
}

/// Runs a command with `folder` as its last argument, by `sudo` where it fails without. The error is what both said.
fn as_root(command: &[&str], folder: &Path) -> Result<(), String> {
    let mut said = Vec::new();
    for before in [&[][..], &["sudo", "--non-interactive"]] {
        let command = [before, command].concat();
        match Command::new(command[0]).args(&command[1..]).arg(folder).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => said.push(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => said.push(format!("{}: {error}", command[0])),
        }
    }
    Err(said.join("; "))
}
