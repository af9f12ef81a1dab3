//! Signing EFI programs for Secure Boot, with a key and a certificate of the user's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bedplate_formats::pe::PeError;
use bedplate_formats::pe::authenticode::{attach, digest};
use bedplate_formats::pe::signature::{Certificate, NotACertificate, Unsigned};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why a key and a certificate cannot sign.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file with the key holds none.
    #[error("`{path}` holds no private key in PEM form that is not encrypted")]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is not of the kind that firmware takes.
    #[error("the key in `{path}` does not sign for Secure Boot: {why}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file with the certificate holds none.
    #[error("`{path}` holds no certificate in PEM form")]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Why not, where something was there.
        source: Option<NotACertificate>,
    },
    /// The two do not belong together.
    #[error("the certificate in `{certificate}` is not about the key in `{key}`")]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

impl SignerError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NoKey { .. } => "take the pass phrase off: openssl pkey -in KEY -out PLAIN",
            Self::Key { .. } => {
                "firmware takes RSA keys of 2048 to 4096 bits: openssl req -x509 -newkey rsa:2048 …"
            }
            Self::NoCertificate { .. } => {
                "turn DER into PEM: openssl x509 -inform DER -in CERT -out PEM"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// A key and its certificate.
pub struct Signer {
    key: RsaKeyPair,
    certificate: Certificate,
}

impl Signer {
    /// Reads both from files in PEM form. The key may be PKCS#8 or PKCS#1, not encrypted.
    pub fn load(key_file: &Path, certificate_file: &Path) -> Result<Self, SignerError> {
        let key = load_key(key_file)?;
        let none = |source| SignerError::NoCertificate {
            path: certificate_file.to_owned(),
            source,
        };
        let certificate =
            CertificateDer::from_pem_slice(&read(certificate_file)?).map_err(|_| none(None))?;
        let certificate =
            Certificate::from_der(certificate.to_vec()).map_err(|source| none(Some(source)))?;
        if !certificate.is_about(key.public_key().as_ref()) {
            return Err(SignerError::Mismatch {
                certificate: certificate_file.to_owned(),
                key: key_file.to_owned(),
            });
        }
        Ok(Self { key, certificate })
    }

    /// Copies an EFI program to `out`, with a signature more.
    pub fn sign<R: Read + Seek, W: Write>(&self, mut image: R, out: W) -> Result<W, PeError> {
        image.seek(SeekFrom::Start(0))?;
        let unsigned = digest(&mut image)?;
        let unsigned = Unsigned::new(&unsigned, &self.certificate);
        let mut signature = vec![0; self.key.public().modulus_len()];
        // Randomness blinds the arithmetic; it does not show in the result.
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                &unsigned.message(),
                &mut signature,
            )
            .map_err(|_| io::Error::other("the key could not sign"))?;
        image.seek(SeekFrom::Start(0))?;
        attach(image, &unsigned.finish(&signature), out)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

fn load_key(path: &Path) -> Result<RsaKeyPair, SignerError> {
    let bad = |why: String| SignerError::Key {
        path: path.to_owned(),
        why,
    };
    let none = |_| SignerError::NoKey {
        path: path.to_owned(),
    };
    let key = match PrivateKeyDer::from_pem_slice(&read(path)?).map_err(none)? {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err(bad("it is no RSA key".to_owned())),
    };
    key.map_err(|why| bad(format!("it is no RSA key of 2048 to 4096 bits ({why})")))
}

/// At most a mebibyte: keys and certificates are small.
fn read(path: &Path) -> Result<Vec<u8>, SignerError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(source) => Err(SignerError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
