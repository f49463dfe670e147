//! A time of day for worker processes that a test can step. The monotonic clock is not affected.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::process::Deployment;

/// The offset of the time of day of a deployment's processes.
pub struct SteppedClock {
    /// The file from which the processes read the offset in seconds.
    file: PathBuf,
    library: PathBuf,
}

impl SteppedClock {
    /// Compiles `clock/step.c` into the deployment's folder. Programs that the deployment starts
    /// from now on use this clock, which shows the right time until it is stepped.
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
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        deployment.set("LD_PRELOAD", &clock.library.display().to_string());
        deployment.set("SCRIP_TEST_CLOCK", &clock.file.display().to_string());
        clock
    }

    /// Removes the clock from programs that the deployment starts from now on.
    pub fn uninstall(deployment: &mut Deployment) {
        deployment.set("LD_PRELOAD", "");
    }

    /// Sets the time of day `seconds` ahead of the right time.
    pub fn step(&self, seconds: i64) {
        // The file is replaced by a rename, so that no process reads half of it.
        let new = self.file.with_extension("new");
        std::fs::write(&new, seconds.to_string()).expect("a writable folder");
        std::fs::rename(new, &self.file).expect("a writable folder");
    }
}
