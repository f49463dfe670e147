//! `http.tls_certificate` and `http.tls_key`: the files for TLS in the HTTP server. They are set
//! together.

use std::path::PathBuf;

use super::section::Section;

const CERTIFICATE: &str = "tls_certificate";
const KEY: &str = "tls_key";
const ALLOWED: &str = "the path of a PEM file";

/// The files of the HTTP server's certificate. Their contents are not checked here: most commands
/// do not need them, and may not be allowed to read the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTls {
    /// PEM file with the certificate of the server, followed by those of its issuers.
    pub certificate: PathBuf,
    /// PEM file with the private key of the certificate.
    pub key: PathBuf,
}

impl HttpTls {
    /// The full name of the key in the configuration that names the certificate.
    pub const CERTIFICATE: &str = "http.tls_certificate";
    /// The full name of the key in the configuration that names the private key.
    pub const KEY: &str = "http.tls_key";

    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let (certificate, key) = (path(section, CERTIFICATE), path(section, KEY));
        for (missing, set) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
            if section.has(set) && !section.has(missing) {
                let allowed = format!(
                    "{ALLOWED}, because `http.{set}` is set; for HTTP without TLS set neither"
                );
                section.wrong(missing, "missing", allowed, ());
            }
        }
        Some(Self {
            certificate: certificate?,
            key: key?,
        })
    }
}

/// A path. A text that is a key or a URL by mistake is not repeated.
fn path(section: &Section<'_>, name: &str) -> Option<PathBuf> {
    let text = section.text(name)?;
    let found = if text.contains("-----BEGIN") || is_encoded(&text) {
        "the content of a PEM file"
    } else if text.contains("://") {
        "a URL"
    } else if text.contains(['\n', '\0']) {
        "a text with line ends or null characters"
    } else {
        return Some(PathBuf::from(text));
    };
    section.wrong(name, found, ALLOWED, None)
}

/// Whether a text is a PEM or DER file in Base64, as a secret of Kubernetes has it.
fn is_encoded(text: &str) -> bool {
    let is_der = ["MII", "MIG", "MHc", "MHQ", "MC4"]
        .iter()
        .any(|begin| text.starts_with(begin));
    text.contains("LS0tLS1CRUdJTi") || (is_der && !text.contains('.'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::{load, problems};

    const VARIABLES: [&str; 2] = ["SCRIP__HTTP__TLS_CERTIFICATE", "SCRIP__HTTP__TLS_KEY"];

    #[test]
    fn certificate_and_key_are_set_together() {
        let [certificate, key] = VARIABLES;
        for (set, other, missing) in [
            (
                certificate,
                "http.tls_certificate",
                "`http.tls_key` is missing",
            ),
            (key, "http.tls_key", "`http.tls_certificate` is missing"),
        ] {
            let found = problems("", &[(set, "/etc/scrip/one.pem")]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(missing), "{found:?}");
            assert!(found[0].contains(&format!("`{other}` is set")), "{found:?}");
        }
        let both = [(certificate, "/a/b.crt"), (key, "b.key")];
        let tls = load("", &both).expect("valid").http.tls.expect("both");
        assert_eq!(tls.certificate, Path::new("/a/b.crt"));
        assert_eq!(tls.key, Path::new("b.key"));
        assert_eq!(load("", &[]).expect("valid").http.tls, None);
    }

    #[test]
    fn a_key_in_place_of_its_path_is_not_shown() {
        for secret in [
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
            "https://a:hunter2@keys.example/key",
            "hunter2\nhunter2",
            "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCmh1bnRlcjI=hunter2",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwhunter2",
        ] {
            let set = VARIABLES.map(|variable| (variable, secret));
            let found = problems("", &set);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(!found.concat().contains("hunter2"), "{found:?}");
        }
    }
}
