//! The memory of a process, as the kernel counts it.

/// Resident memory, in units of 1024 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory(u32);

impl Memory {
    /// The current memory of a process; `None` if the process has ended.
    pub fn of_process(pid: u32) -> Option<Self> {
        field(pid, "VmRSS:")
    }

    /// The peak memory of a process; `None` if the process has ended.
    pub fn peak_of(pid: u32) -> Option<Self> {
        field(pid, "VmHWM:")
    }

    /// The memory in MB of a million bytes.
    pub fn megabytes(self) -> f64 {
        f64::from(self.0) * 1024.0 / 1e6
    }
}

/// Resets the peak of this process.
pub fn forget_peak() {
    // If the kernel does not support this, the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn field(pid: u32, name: &str) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok().map(Memory)
}
