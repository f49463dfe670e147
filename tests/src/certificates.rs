//! Certificates for throw-away servers, made by the program `openssl`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use uuid::Uuid;

/// What `tests/servers/*` takes: a certificate for `localhost` (and not for `127.0.0.1`) by a CA of our own.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes two CAs and a certificate by one of them.
    pub fn make() -> Self {
        let folder = std::env::temp_dir().join(format!("scrip-test-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
        let made = Self { folder };
        made.authority("ca");
        made.authority("strange");
        made.server();
        made
    }

    /// Where `server.crt` and `server.key` are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The CA that vouches for the server.
    pub fn ca(&self) -> String {
        self.path("ca.crt")
    }

    /// A CA that never heard of the server.
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

    fn server(&self) {
        self.openssl("req -subj /CN=localhost -keyout server.key -out server.csr");
        let extensions =
            "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n";
        std::fs::write(self.folder.join("extensions"), extensions).expect("the folder is writable");
        self.run("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.crt");
    }

    /// A request that brings its key along.
    fn openssl(&self, arguments: &str) {
        self.run(&format!(
            "{arguments} -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        ));
    }

    fn run(&self, arguments: &str) {
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
