//! Secrets in files: `DATABASE_URL_FILE` and the like. No error repeats the contents of the file,
//! or the path: it may be the secret itself, by mistake.

use std::{fs::File, io::Read};

/// Maximum size of the file.
const MAX_BYTES: u64 = 64 * 1024;

/// The contents of the file without the line ends at its end. The error is a phrase that follows
/// "is".
pub fn read(path: &str) -> Result<String, String> {
    // The variable holds the secret itself instead of the path of its file.
    if path.contains("://") {
        return Err("a URL, not the path of a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(format!("the path of a file that cannot be read ({error})"));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!(
            "the path of a file with more than {MAX_BYTES} bytes"
        ));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err("the path of a file that is not UTF-8".to_owned());
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err("the path of an empty file".to_owned());
    }
    Ok(text.to_owned())
}
