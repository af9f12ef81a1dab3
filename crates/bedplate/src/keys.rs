//! Files of secret keys: PKCS #8 in PEM, as `openssl genpkey -algorithm ed25519` writes them (RFC 8410, section 7).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::report::Failure;

/// A version, the algorithm's number (1.3.101.112), and the head of the seed that follows.
const PREFIX: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// No key file is longer, in bytes.
const MAX: u64 = 4096;

/// Makes a key and writes it to a file that nobody else can read, and that did not exist.
pub fn generate(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |error: io::Error| {
        let failure = Failure::io(&format!("cannot write the key {}", path.display()), &error);
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                failure.hint("a key is never overwritten: name another file")
            }
            _ => failure,
        }
    };
    let mut seed = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut seed))
        .map_err(failed)?;
    let text = STANDARD.encode([&PREFIX[..], &seed].concat());
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let written = writeln!(file, "{BEGIN}\n{text}\n{END}").and_then(|()| file.sync_all());
    if let Err(error) = written {
        let _ = fs::remove_file(path);
        return Err(failed(error));
    }
    Ok(seed)
}

/// Reads the seed of a key.
pub fn read(path: &Path) -> Result<[u8; 32], Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX).read_to_string(&mut text))
        .map_err(|error| Failure::io(&format!("cannot read the key {}", path.display()), &error))?;
    seed(&text).ok_or_else(|| {
        let what = format!("{} holds no secret key of ed25519 in PEM", path.display());
        Failure::new(5, what).hint("`bedplate key generate FILE` makes one")
    })
}

fn seed(text: &str) -> Option<[u8; 32]> {
    let inner = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let packed: String = inner.split_whitespace().collect();
    let der = STANDARD.decode(packed).ok()?;
    der.strip_prefix(&PREFIX)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8410, section 10.3.
    const EXAMPLE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn the_example_of_the_rfc_is_read() {
        let seed = seed(EXAMPLE).unwrap();
        assert_eq!(seed[..4], [0xd4, 0xee, 0x72, 0xdb]);
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            BEGIN,
            "hello",
            &EXAMPLE.replace("MC4", "MC5"),
            &EXAMPLE.replace('V', "!"),
        ] {
            assert_eq!(seed(text), None, "{text}");
        }
    }
}
