//! TLS for the servers: a certificate that signs itself.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use bedplate_sys::tool::Tool;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::kit;
use super::server::Connection;

/// A certificate for the host as a guest sees it.
pub struct Certificate {
    pub pem: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    pub fn make(name: &str) -> Self {
        let path = |ending: &str| kit().home().join(format!("{name}.{ending}"));
        let (key, cert) = (path("key"), path("cert"));
        let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -addext \
            subjectAltName=IP:10.0.2.2 -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth";
        Tool::new("openssl", "openssl")
            .args(arguments.split(' ').filter(|word| !word.is_empty()))
            .args(["-subj", &format!("/CN={name}")])
            .args([Path::new("-keyout"), &key, Path::new("-out"), &cert])
            .output()
            .unwrap();
        let pem = fs::read(cert).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&pem).unwrap()];
        let key = PrivateKeyDer::from_pem_file(key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            pem,
            config: Arc::new(config),
        }
    }

    /// What puts TLS on a connection.
    pub fn dress(&self) -> impl Fn(TcpStream) -> Box<dyn Connection> + Send + Sync + 'static {
        let config = self.config.clone();
        move |stream| {
            let server = ServerConnection::new(config.clone()).unwrap();
            Box::new(StreamOwned::new(server, stream))
        }
    }
}
