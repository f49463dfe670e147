//! Reads the files of certificate and key.

use std::{
    fs::File,
    io::{Error, Read},
    path::Path,
};

use crate::config::{HttpTls, Problem};

use super::problem;

/// Maximum size of a file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The contents of both files. They have no `Debug`, because one is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// Reads both files, or returns the problem of each.
pub fn read(files: &HttpTls) -> Result<Contents, Vec<Problem>> {
    let named = |key, path: &Path| read_one(path).map_err(|what| problem(files, key, &what));
    let certificate = named(HttpTls::CERTIFICATE, &files.certificate);
    let key = named(HttpTls::KEY, &files.key);
    match (certificate, key) {
        (Ok(certificate), Ok(key)) => Ok(Contents { certificate, key }),
        (certificate, key) => Err([certificate.err(), key.err()]
            .into_iter()
            .flatten()
            .collect()),
    }
}

/// The permission bits of a file that all users of the machine may read or write; otherwise `None`.
pub fn exposed(path: &Path) -> Option<u32> {
    #[cfg(unix)]
    {
        let found = std::fs::metadata(path).ok()?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o7777;
        Some(mode).filter(|mode| mode & 0o006 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The error is a phrase that follows the path.
fn read_one(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: Error| format!("which cannot be read ({error})");
    // Opening a pipe could take for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("which is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("which has more than {MAX_BYTES} bytes"));
    }
    Ok(bytes)
}
