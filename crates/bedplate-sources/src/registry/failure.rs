//! What a failed request means: whether it may pass, and what to say.

use std::io;

use oci_client::errors::{OciDistributionError, OciErrorCode};

use crate::error::{ErrorKind, SourceError, flatten};

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// May it work a moment later?
    pub(crate) passing: bool,
    pub(crate) error: SourceError,
}

impl Failure {
    /// Nothing came for too long.
    pub(crate) fn silence(host: &str, seconds: u64) -> Self {
        let message = format!("{host} sent nothing for {seconds} s");
        Self {
            passing: true,
            error: SourceError::new(ErrorKind::Network, message),
        }
    }

    /// The connection ended too early.
    pub(crate) fn cut(host: &str, source: Option<&io::Error>) -> Self {
        let error = SourceError::new(
            ErrorKind::Network,
            format!("the connection to {host} was cut"),
        );
        let error = match source {
            Some(source) => error.because(flatten(source)),
            None => error,
        };
        Self {
            passing: true,
            error,
        }
    }

    pub(crate) fn lasting(error: SourceError) -> Self {
        Self {
            passing: false,
            error,
        }
    }

    /// No client could be made: the machine has no certificates to check servers with, or a broken one.
    pub(crate) fn no_client(error: &OciDistributionError) -> SourceError {
        let error = flatten(error);
        if error.contains("No CA certificates") {
            let message = "no CA certificates are installed, by which registries are recognised";
            return SourceError::new(ErrorKind::ToolMissing, message)
                .with_hint("install them: apt-get install ca-certificates");
        }
        SourceError::new(ErrorKind::Io, "cannot prepare for connections").because(error)
    }

    /// What `error` of a request to `host` means.
    pub(crate) fn of(host: &str, error: &OciDistributionError) -> Self {
        use OciDistributionError as E;
        let kind_passing = match error {
            E::RequestError(request) if request.is_builder() => (ErrorKind::BadInput, false),
            E::RequestError(_) | E::IoError(_) => (ErrorKind::Network, true),
            E::ServerError { code, .. } => of_status(*code),
            E::RegistryError { envelope, .. } => envelope
                .errors
                .first()
                .map_or((ErrorKind::BadInput, false), |e| of_code(&e.code)),
            E::UnauthorizedError { .. } | E::AuthenticationFailure(_) => {
                (ErrorKind::Unauthorised, false)
            }
            E::RegistryTokenDecodeError(_) => (ErrorKind::Unauthorised, false),
            E::DigestError(_) => (ErrorKind::Integrity, false),
            _ => (ErrorKind::BadInput, false),
        };
        let (kind, passing) = kind_passing;
        let said = match error {
            E::ServerError { code, .. } => format!("{host} answers with status {code}"),
            E::RegistryError { envelope, .. } => {
                let first = envelope.errors.first();
                format!(
                    "{host} answers: {}",
                    first.map_or("nothing", |error| error.message.as_str())
                )
            }
            E::UnauthorizedError { .. } => format!("{host} does not let us in"),
            E::AuthenticationFailure(_) => format!("{host} does not accept the credentials"),
            E::RequestError(_) => format!("cannot reach {host}"),
            _ => format!("{host} answers what is not understood"),
        };
        let mut failed = SourceError::new(kind, said);
        if matches!(
            error,
            E::RequestError(_) | E::IoError(_) | E::DigestError(_)
        ) || kind == ErrorKind::BadInput
        {
            failed = failed.because(flatten(error));
        }
        if kind == ErrorKind::Unauthorised {
            failed = failed.with_hint(format!(
                "log in (`docker login {host}`), or look whether the name is right"
            ));
        }
        if kind == ErrorKind::NotFound {
            failed = failed.with_hint("look whether the name and the tag are right");
        }
        Self {
            passing,
            error: failed,
        }
    }
}

fn of_status(code: u16) -> (ErrorKind, bool) {
    match code {
        401 | 403 => (ErrorKind::Unauthorised, false),
        404 | 410 => (ErrorKind::NotFound, false),
        408 | 429 | 500..=599 => (ErrorKind::Network, true),
        _ => (ErrorKind::BadInput, false),
    }
}

fn of_code(code: &OciErrorCode) -> (ErrorKind, bool) {
    use OciErrorCode as C;
    match code {
        C::Unauthorized | C::Denied => (ErrorKind::Unauthorised, false),
        C::BlobUnknown
        | C::ManifestUnknown
        | C::ManifestBlobUnknown
        | C::NameUnknown
        | C::NotFound => (ErrorKind::NotFound, false),
        C::Toomanyrequests => (ErrorKind::Network, true),
        _ => (ErrorKind::BadInput, false),
    }
}
