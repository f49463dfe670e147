//! The names of this worker and of its machine.

use uuid::Uuid;

/// A unique name for this worker: host name, process id and a random suffix.
pub fn worker_name() -> String {
    let host = host_name();
    let host = if host.is_empty() { "worker" } else { &host };
    let random = Uuid::now_v7().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[26..])
}

/// The host name of this machine; empty if the system does not provide it.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
