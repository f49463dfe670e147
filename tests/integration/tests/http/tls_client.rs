//! A client that speaks TLS and trusts one authority.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use testkit::certificates::Certificates;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::client::{Request, Response, finish};

/// Both versions of TLS.
pub const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// The settings of a server with the certificate.
pub fn settings(certificates: &Certificates) -> [(&'static str, String); 2] {
    let [certificate, key] = certificates.server();
    [
        ("SCRIP__HTTP__TLS_CERTIFICATE", certificate),
        ("SCRIP__HTTP__TLS_KEY", key),
    ]
}

/// Settings as the fixture takes them.
pub fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    let settings = settings.iter();
    settings
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// A client.
pub struct TlsClient {
    config: ClientConfig,
}

impl TlsClient {
    /// A client that trusts the authority in a file.
    pub fn trusting(ca: &str) -> Self {
        Self::speaking(ca, &VERSIONS, "http/1.1")
    }

    /// A client that offers only these versions and this protocol.
    pub fn speaking(ca: &str, versions: &[&'static SupportedProtocolVersion], name: &str) -> Self {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(ca).expect("a certificate");
        roots.add(ca).expect("an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let mut config = builder
            .with_protocol_versions(versions)
            .expect("known versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![name.into()];
        Self { config }
    }

    /// Connects to the server at an address as `localhost`.
    pub async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let name = ServerName::try_from("localhost").expect("a name");
        connector.connect(name, stream).await
    }

    /// Sends a request over a new connection.
    pub async fn send(&self, request: &Request, address: SocketAddr) -> Response {
        let mut stream = self.connect(address).await.expect("a handshake");
        stream.write_all(&request.bytes()).await.expect("sent");
        finish(stream).await.expect("a response")
    }
}

/// The certificate that the server has shown.
pub fn certificate_of(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().expect("certificates");
    chain[0].to_vec()
}
