//! The clock of worker processes, stepped by a test: the time of day is wrong, the monotonic clock goes on.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::process::Deployment;

/// By how many seconds the time of day of processes is off.
pub struct SteppedClock {
    /// The file that they read it from.
    file: PathBuf,
    library: PathBuf,
}

impl SteppedClock {
    /// Compiles `clock/step.c` into the deployment's folder. Programs that the deployment starts from now on have
    /// this clock, which is right until it is stepped.
    pub async fn install(deployment: &mut Deployment) -> Self {
        let clock = Self {
            file: deployment.folder().join("step"),
            library: deployment.folder().join("step.so"),
        };
        clock.step(0);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock/step.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        compiler.arg(&clock.library).arg(source).arg("-ldl");
        let output = compiler.output().await.expect("a C compiler");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        deployment.set("LD_PRELOAD", &clock.library.display().to_string());
        deployment.set("SCRIP_TEST_CLOCK", &clock.file.display().to_string());
        clock
    }

    /// Programs that the deployment starts from now on have the right time.
    pub fn uninstall(deployment: &mut Deployment) {
        deployment.set("LD_PRELOAD", "");
    }

    /// Sets by how many seconds the time of day is ahead.
    pub fn step(&self, seconds: i64) {
        // Renamed into place, so that no process reads half of it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, seconds.to_string()).expect("a writable folder");
        std::fs::rename(new, &self.file).expect("a writable folder");
    }
}
