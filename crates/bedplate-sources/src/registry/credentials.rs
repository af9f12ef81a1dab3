//! Credentials from Docker's `config.json`, credential helpers included.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use oci_client::secrets::RegistryAuth;

use crate::error::{ErrorKind, SourceError};
use crate::options::Options;

/// What to say to `host`; anonymous where no credentials are configured for it.
pub(crate) fn find(options: &Options, host: &str) -> Result<RegistryAuth, SourceError> {
    let Some(path) = directory(options).map(|directory| directory.join("config.json")) else {
        return Ok(RegistryAuth::Anonymous);
    };
    // Docker's own registry has a name of its own in the file.
    let server = if host == "docker.io" {
        "https://index.docker.io/v1/"
    } else {
        host
    };
    let Ok(file) = File::open(&path) else {
        return Ok(RegistryAuth::Anonymous);
    };
    match get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => {
            let message = format!(
                "the credentials for {host} in `{}` are an identity token",
                path.display()
            );
            Err(SourceError::new(ErrorKind::Unauthorised, message)
                .with_hint("log in with a user name and a password or access token"))
        }
        Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound,
        ) => Ok(RegistryAuth::Anonymous),
        // Helpers answer so when they know nothing of the host.
        Err(CredentialRetrievalError::HelperFailure { stdout, .. })
            if stdout.contains("credentials not found") =>
        {
            Ok(RegistryAuth::Anonymous)
        }
        Err(error) => {
            let message = format!(
                "cannot read the credentials for {host} in `{}`",
                path.display()
            );
            Err(SourceError::new(ErrorKind::Unauthorised, message).because(error))
        }
    }
}

fn directory(options: &Options) -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    options
        .docker_config
        .clone()
        .or_else(|| std::env::var_os("DOCKER_CONFIG").map(PathBuf::from))
        .or_else(home)
}
