//! One request to one server: HTTP over TCP, or over TLS.

use std::cell::OnceCell;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use bedplate_finding::http::{BadHead, BadUrl, Body, Head, LONGEST_HEAD, Scheme, Url, request};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::tls;

/// A connection on which nothing comes for so long is given up.
pub const STALLED: Duration = Duration::from_secs(10);
const REDIRECTIONS: usize = 10;

/// Why a server gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Its name is not known.
    #[error("its name was not found")]
    Name(#[source] io::Error),
    /// It cannot be reached, or it fell silent.
    #[error("{doing}")]
    Connection {
        /// What failed.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// TLS cannot begin.
    #[error("TLS cannot begin")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// The answer is none.
    #[error("it speaks no HTTP that is understood")]
    Answer(#[from] BadHead),
    /// Another status than that of a file.
    #[error("it answered {0}")]
    Status(u16),
    /// It leads elsewhere, and there is no such place.
    #[error("it leads to a place that is none")]
    Redirection(#[from] BadUrl),
    /// It leads around.
    #[error("it leads around {REDIRECTIONS} times and more")]
    Around,
}

impl FetchError {
    /// Will it stay so, however often it is asked?
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Status(status) => {
                (400..500).contains(status) && !matches!(status, 408 | 425 | 429)
            }
            Self::Tls(_) | Self::Answer(_) | Self::Redirection(_) | Self::Around => true,
            Self::Name(_) | Self::Connection { .. } => false,
        }
    }
}

/// Silence is a matter of time, so the kernel's words for it say little.
fn connection(doing: &'static str) -> impl Fn(io::Error) -> FetchError {
    move |source| FetchError::Connection {
        doing,
        source: named(source),
    }
}

/// An error with the name that people know it by.
pub fn named(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::other(format!("nothing came for {} s", STALLED.as_secs()))
        }
        _ => error,
    }
}

/// A stream of either kind.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A file on its way.
pub struct Answer {
    /// What the server says of it.
    pub head: Head,
    /// Its bytes.
    pub body: Body<Box<dyn Read>>,
}

/// Asks servers.
#[derive(Debug, Default)]
pub struct Client {
    /// Made when the first `https:` wants it.
    tls: OnceCell<Arc<ClientConfig>>,
}

impl Client {
    /// Asks for a file from this byte on, wherever redirections lead.
    pub fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let mut url = url.clone();
        for _ in 0..REDIRECTIONS {
            let answer = self.ask(&url, from)?;
            match &answer.head.location {
                Some(location) if answer.head.is_redirection() => url = url.join(location)?,
                _ if matches!(answer.head.status, 200 | 206) => return Ok(answer),
                _ => return Err(FetchError::Status(answer.head.status)),
            }
        }
        Err(FetchError::Around)
    }

    fn ask(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let mut stream = self.connect(url)?;
        stream
            .write_all(request(url, from).as_bytes())
            .and_then(|()| stream.flush())
            .map_err(connection("the request could not be sent"))?;
        let mut bytes = Vec::new();
        let mut buffer = vec![0; LONGEST_HEAD];
        loop {
            if let Some((head, len)) = Head::parse(&bytes)? {
                let begun = io::Cursor::new(bytes.split_off(len));
                let source: Box<dyn Read> = Box::new(begun.chain(stream));
                return Ok(Answer {
                    body: Body::new(&head, source),
                    head,
                });
            }
            match stream.read(&mut buffer) {
                Ok(0) => Err(io::Error::other("the connection ended")),
                Ok(count) => {
                    bytes.extend(&buffer[..count]);
                    Ok(())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(error) => Err(error),
            }
            .map_err(connection("no answer came"))?;
        }
    }

    fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, FetchError> {
        let addresses = (url.host.as_str(), url.port)
            .to_socket_addrs()
            .map_err(FetchError::Name)?;
        let mut last = io::Error::other("its name has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, STALLED) {
                Ok(stream) => return self.dress(stream, url),
                Err(error) => last = error,
            }
        }
        Err(connection("it cannot be reached")(last))
    }

    fn dress(&self, stream: TcpStream, url: &Url) -> Result<Box<dyn Stream>, FetchError> {
        stream
            .set_read_timeout(Some(STALLED))
            .and_then(|()| stream.set_write_timeout(Some(STALLED)))
            .map_err(connection("it cannot be waited for"))?;
        match url.scheme {
            Scheme::Http => Ok(Box::new(stream)),
            Scheme::Https => {
                let tls = |error: rustls::Error| FetchError::Tls(error.into());
                let name = ServerName::try_from(url.host.clone());
                let name =
                    name.map_err(|error: InvalidDnsNameError| FetchError::Tls(error.into()))?;
                let client = ClientConnection::new(self.tls()?, name).map_err(tls)?;
                Ok(Box::new(StreamOwned::new(client, stream)))
            }
        }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, FetchError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(tls::configure().map_err(FetchError::Tls)?);
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}
