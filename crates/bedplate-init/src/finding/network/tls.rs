//! TLS with no more of it than a client without a key of its own needs: PID 1 is to stay small.

use std::error::Error;
use std::fs;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use rustls::{ClientConfig, RootCertStore};

/// The certificates of whom to believe, as Debian has them.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// TLS 1.3, and 1.2 with the ciphers that every server of the last decade has.
pub fn configure() -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let pem =
        fs::read(CERTIFICATES).map_err(|error| format!("cannot read `{CERTIFICATES}`: {error}"))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let (good, _) = roots.add_parsable_certificates(certificates);
    if good == 0 {
        return Err(format!("`{CERTIFICATES}` has no certificate").into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
            ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        kx_groups: vec![ring::kx_group::X25519, ring::kx_group::SECP256R1],
        key_provider: &NoKeys,
        ..ring::default_provider()
    }
}

/// This client has no key to sign with.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("there are no keys here".to_owned()))
    }
}
