//! Certificates for throw-away servers. The program `openssl` creates them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use uuid::Uuid;

/// A folder with a certificate for the scripts in `tests/servers`. A private CA issues it for
/// `localhost`, but not for `127.0.0.1`.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Creates two CAs and a certificate that the first one issues.
    pub fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let made = Self { folder };
        made.authority("ca");
        made.authority("strange");
        made.issue(2);
        made
    }

    /// Replaces key and certificate of the server.
    pub fn renew(&self) {
        self.issue(2);
    }

    /// Replaces key and certificate of the server; the new certificate ends at once.
    pub fn expire(&self) {
        self.issue(0);
    }

    /// The folder of `server.crt` and `server.key`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The paths of the server's certificate and of its key.
    pub fn server(&self) -> [String; 2] {
        [self.path("server.crt"), self.path("server.key")]
    }

    /// The path of the CA that issued the server's certificate.
    pub fn ca(&self) -> String {
        self.path("ca.crt")
    }

    /// The path of a CA that did not issue the server's certificate.
    pub fn strange_ca(&self) -> String {
        self.path("strange.crt")
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -days 2 -subj /CN=scrip-test-{name} -keyout {name}.key -out {name}.crt \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign"
        ));
    }

    fn issue(&self, days: u32) {
        self.openssl("req -subj /CN=localhost -keyout server.key -out server.csr");
        let extensions = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n\
                          extendedKeyUsage=serverAuth\n";
        std::fs::write(self.folder.join("extensions"), extensions).expect("the folder is writable");
        self.run(&format!(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} \
             -extfile extensions -out server.crt"
        ));
    }

    /// Runs an `openssl` command that also generates a new key.
    fn openssl(&self, arguments: &str) {
        self.run(&format!(
            "{arguments} -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        ));
    }

    /// Runs an `openssl` command in the folder.
    pub fn run(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split_ascii_whitespace())
            .current_dir(&self.folder)
            .output()
            .expect("the program openssl is installed");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
