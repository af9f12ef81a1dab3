//! Fetching a description, and the image that it describes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use bedplate_boot::root::{Image, SIGNATURE_ENDING, Trust};
use bedplate_boot::trust::MAX_SIGNATURES;
use bedplate_finding::http::Url;
use bedplate_finding::mirrors::Failure;
use bedplate_sys::{machine as system, mounting};
use sha2::{Digest as _, Sha256};

use super::connection::{FetchError, named};
use super::servers::{Attempt, Servers};
use crate::console;
use crate::finding::description::{self, Description};
use crate::finding::image;
use crate::finding::stopping::Stop;

/// Where the image is kept.
const PLACE: &str = "/run/bedplate/download";
/// How often the console is told.
const TELL_EVERY: Duration = Duration::from_secs(3);
/// A connection that gave so many bytes was of use.
const PROGRESS: u64 = 64 << 10;
const BUFFER: usize = 128 << 10;

impl From<FetchError> for Attempt {
    fn from(error: FetchError) -> Self {
        Self {
            failure: match error.is_permanent() {
                true => Failure::Permanent,
                false => Failure::Transient,
            },
            why: console::chain(&error),
        }
    }
}

fn transient(why: impl Into<String>) -> Attempt {
    Attempt {
        failure: Failure::Transient,
        why: why.into(),
    }
}

fn permanent(why: impl Into<String>) -> Attempt {
    Attempt {
        failure: Failure::Permanent,
        why: why.into(),
    }
}

/// The first description of these that is believed.
pub fn fetch_description(
    servers: &Servers<'_>,
    urls: &[Url],
    trust: &Trust,
) -> Result<Description, Stop> {
    servers.ask("the description of the root", urls, |url| {
        let json = fetch_small(servers, url, description::LONGEST)?;
        let signatures = match trust.keys.is_empty() {
            true => Vec::new(),
            false => fetch_signatures(servers, &url.with_ending(SIGNATURE_ENDING))?,
        };
        let signatures = String::from_utf8_lossy(&signatures);
        Description::check(trust, &url.to_string(), json, &signatures)
            .map_err(|stop| permanent(console::chain(&stop)))
    })
}

/// The signatures of a description; none where the server says that there are none.
fn fetch_signatures(servers: &Servers<'_>, url: &Url) -> Result<Vec<u8>, Attempt> {
    match servers.client.get(url, 0) {
        Err(FetchError::Status(404 | 410)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(answer) => read_small(answer.body, MAX_SIGNATURES),
    }
}

fn fetch_small(servers: &Servers<'_>, url: &Url, most: usize) -> Result<Vec<u8>, Attempt> {
    read_small(servers.client.get(url, 0)?.body, most)
}

fn read_small(body: impl Read, most: usize) -> Result<Vec<u8>, Attempt> {
    let mut bytes = Vec::new();
    let read = body.take(most as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| transient(named(error).to_string()))?;
    match bytes.len() > most {
        true => Err(permanent(format!(
            "what it gives is longer than {most} bytes"
        ))),
        false => Ok(bytes),
    }
}

/// The image, in memory and checked, from whichever servers have it: what one left undone another goes on with.
pub fn fetch_image(
    servers: &Servers<'_>,
    urls: &[Url],
    description: &Description,
) -> Result<File, Stop> {
    let image = &description.image;
    let urls: Vec<Url> = urls.iter().map(|url| url.beside(&image.file)).collect();
    let file = make_file(image)
        .map_err(|error| Stop::because("cannot make room for the image in memory", error))?;
    let mut download = Download {
        file,
        hasher: Sha256::new(),
        got: 0,
        len: image.len,
        told: system::uptime(),
        told_at: 0,
    };
    servers.ask("the image of the root", &urls, |url| {
        download.go_on(servers, url, image)
    })?;
    console::say(format_args!(
        "`{}` came whole, and its SHA-256 is right",
        image.file
    ));
    Ok(download.file)
}

/// A file on a file system of its own, which has room for the image and nothing else.
fn make_file(image: &Image) -> io::Result<File> {
    fs::create_dir_all(PLACE)?;
    let pages = image.len.next_multiple_of(1 << 20) + (1 << 20);
    let options =
        mounting::parse_options(&["nodev,nosuid,noexec,mode=700", &format!("size={pages}")]);
    mounting::mount("tmpfs", Path::new(PLACE), "tmpfs", &options)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    options.open(Path::new(PLACE).join(&image.file))
}

struct Download {
    file: File,
    hasher: Sha256,
    /// Bytes that are there.
    got: u64,
    len: u64,
    /// When the console was told last, and how much was there then.
    told: Duration,
    told_at: u64,
}

impl Download {
    /// Fetches what is missing from this server, and checks the whole.
    fn go_on(&mut self, servers: &Servers<'_>, url: &Url, image: &Image) -> Result<(), Attempt> {
        let before = self.got;
        self.fetch(servers, url).map_err(|mut attempt| {
            if self.got - before >= PROGRESS {
                attempt.failure = Failure::AfterProgress;
                attempt.why = format!("{} after {} of {} bytes", attempt.why, self.got, self.len);
            }
            attempt
        })?;
        let hasher = std::mem::take(&mut self.hasher);
        let found = image::text(hasher);
        if found == image.sha256 {
            return Ok(());
        }
        self.begin_again()
            .map_err(|error| transient(error.to_string()))?;
        let stop = image::changed(&url.to_string(), &found, &image.sha256);
        Err(permanent(stop.to_string()))
    }

    fn begin_again(&mut self) -> io::Result<()> {
        (self.hasher, self.got, self.told_at) = (Sha256::new(), 0, 0);
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    fn fetch(&mut self, servers: &Servers<'_>, url: &Url) -> Result<(), Attempt> {
        let answer = servers.client.get(url, self.got)?;
        let (begins, whole) = match (answer.head.status, answer.head.range) {
            (206, Some((begins, whole))) => (begins, whole),
            (206, None) => return Err(permanent("it gives a part and does not say which")),
            // It knows no ranges: what is there already goes by.
            (_, _) => (0, answer.head.length),
        };
        if begins > self.got {
            return Err(permanent("it gives another part than it was asked for"));
        }
        if whole.is_some_and(|whole| whole != self.len) {
            return Err(permanent(format!(
                "it has another file: {} bytes instead of {}",
                whole.unwrap_or_default(),
                self.len
            )));
        }
        self.receive(answer.body, self.got - begins)
    }

    fn receive(&mut self, mut body: impl Read, mut skip: u64) -> Result<(), Attempt> {
        let mut buffer = vec![0; BUFFER];
        while self.got < self.len {
            let count = match body.read(&mut buffer) {
                Ok(0) => return Err(transient("the connection ended in the middle of the file")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(transient(named(error).to_string())),
            };
            let known = skip.min(count as u64);
            skip -= known;
            let left = usize::try_from(self.len - self.got).unwrap_or(usize::MAX);
            let new = &buffer[known as usize..count];
            let new = &new[..new.len().min(left)];
            self.file
                .write_all(new)
                .map_err(|error| permanent(format!("it cannot be kept in memory: {error}")))?;
            self.hasher.update(new);
            self.got += new.len() as u64;
            self.tell();
        }
        Ok(())
    }

    fn tell(&mut self) {
        let now = system::uptime();
        let since = now.saturating_sub(self.told);
        if since < TELL_EVERY {
            return;
        }
        let rate = (self.got - self.told_at) as f64 / since.as_secs_f64() / 1e6;
        console::say(format_args!(
            "fetching the root: {} % of {} MB, {rate:.1} MB/s",
            self.got * 100 / self.len,
            self.len / 1_000_000
        ));
        (self.told, self.told_at) = (now, self.got);
    }
}
