//! Bytes as one line of ASCII, so that a text file can hold fuzzing inputs in a readable form.

/// Escapes bytes. Printable ASCII is unchanged, zero becomes `\0`, `"` and `\` get a `\` before
/// them, and all other bytes become `\xNN`, `\t`, `\n` or `\r`.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            0 => text.push_str("\\0"),
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&byte.escape_ascii().to_string()),
        }
    }
    text
}

/// Decodes the output of [`escape`] and the words of a libFuzzer dictionary.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next().expect("something behind a backslash") {
                b'0' => 0,
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'x' => {
                    let digits = rest.by_ref().take(2).map(char::from).collect::<String>();
                    u8::from_str_radix(&digits, 16).expect("two digits behind \\x")
                }
                escaped => escaped,
            },
            byte => byte,
        });
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_restored_from_one_line_of_ascii() {
        let bytes: Vec<u8> = (0..=u8::MAX).chain(*b"01\\x00").collect();
        let text = escape(&bytes);
        assert!(
            text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{text}"
        );
        assert_eq!(unescape(&text), bytes);
    }
}
