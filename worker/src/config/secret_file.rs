//! A secret in a file of its own: `DATABASE_URL_FILE` and its like. No error repeats what the file
//! holds.

use std::{fs::File, io::Read};

/// No URL is longer.
const MAX_BYTES: u64 = 64 * 1024;

/// What the file holds, without the line ends at its end; or what is wrong with it, as a phrase
/// that follows "is".
pub fn read(path: &str) -> Result<String, String> {
    // The secret itself, in the variable for its file.
    if path.contains("://") {
        return Err("a URL and not the path of a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(format!("the file {path:?}, which cannot be read ({error})"));
    }
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!(
            "the file {path:?}, which has more than {MAX_BYTES} bytes"
        ));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(format!("the file {path:?}, which is not UTF-8"));
    };
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(format!("the file {path:?}, which is empty"));
    }
    Ok(text.to_owned())
}
