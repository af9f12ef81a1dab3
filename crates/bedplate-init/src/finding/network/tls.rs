//! TLS 1.3, and nothing older: PID 1 is to stay small.

use std::error::Error;
use std::fs;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// The certificates of whom to believe, as Debian has them.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A client that believes who these certificates vouch for.
pub fn configure() -> Result<ClientConfig, Box<dyn Error + Send + Sync>> {
    let pem =
        fs::read(CERTIFICATES).map_err(|error| format!("cannot read `{CERTIFICATES}`: {error}"))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    let (good, _) = roots.add_parsable_certificates(certificates);
    if good == 0 {
        return Err(format!("`{CERTIFICATES}` has no certificate").into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
