//! What a host that boots from a network asks for: its root image, from a server on this machine.
//!
//! The server listens on loopback, where a guest of QEMU's user network reaches it as 10.0.2.2, answers `GET`
//! for the files that it was given, from any byte on, and nothing else. It ends with the process.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a guest finds the loopback interface of the machine that it runs on.
const HOST: &str = "10.0.2.2";
/// No head of a request is longer, in bytes.
const MAX_HEAD: u64 = 8 << 10;
/// A client that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves the root image of the host `name` in `directory`, and gives the URL of its description.
pub(crate) fn serve(directory: &Path, name: &str) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let description = format!("{name}-image.json");
    let names = [
        format!("{name}-root.img"),
        description.clone(),
        format!("{description}.sig"),
    ];
    let files: Arc<Vec<(String, PathBuf)>> = Arc::new(
        names
            .into_iter()
            .map(|name| (format!("/{name}"), directory.join(name)))
            .collect(),
    );
    std::thread::Builder::new().spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let files = Arc::clone(&files);
            // A client that goes away is its own affair.
            let _ = std::thread::Builder::new().spawn(move || answer(&stream, &files));
        }
    })?;
    Ok(format!("http://{HOST}:{port}/{description}"))
}

fn answer(stream: &TcpStream, files: &[(String, PathBuf)]) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.take(MAX_HEAD));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut from = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        from = first_byte(&line).unwrap_or(from);
    }
    let mut out = stream;
    let path = request
        .strip_prefix("GET ")
        .and_then(|rest| rest.split(' ').next());
    let file = files.iter().find(|(known, _)| Some(known.as_str()) == path);
    let Some(mut file) = file.and_then(|(_, file)| File::open(file).ok()) else {
        return out.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let len = file.metadata()?.len();
    if from >= len && from > 0 {
        let head = format!(
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{len}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        return out.write_all(head.as_bytes());
    }
    let status = match from {
        0 => "200 OK\r\n".to_owned(),
        from => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{len}\r\n",
            len - 1
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}Accept-Ranges: bytes\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        len - from
    );
    out.write_all(head.as_bytes())?;
    file.seek(SeekFrom::Start(from))?;
    io::copy(&mut file.take(len - from), &mut out).map(drop)
}

/// `Range: bytes=7-`; other forms are answered with the whole file, as a server may (RFC 9110, 14.2).
fn first_byte(line: &str) -> Option<u64> {
    let (name, value) = line.split_once(':')?;
    let range = value.trim().strip_prefix("bytes=")?.strip_suffix('-')?;
    name.eq_ignore_ascii_case("range")
        .then(|| range.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(url: &str, path: &str, more: &str) -> String {
        let port = url.split(':').nth(2).unwrap().split('/').next().unwrap();
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_files_of_a_host_are_served_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("web-root.img"), "0123456789").unwrap();
        std::fs::write(dir.path().join("web-image.json"), "{}").unwrap();
        std::fs::write(dir.path().join("secret"), "x").unwrap();
        let url = serve(dir.path(), "web").unwrap();
        assert!(url.ends_with("/web-image.json"), "{url}");
        assert!(get(&url, "/web-image.json", "").ends_with("\r\n\r\n{}"));
        let rest = get(&url, "/web-root.img", "range: bytes=7-\r\n");
        assert!(
            rest.starts_with("HTTP/1.1 206 ") && rest.ends_with("\r\n\r\n789"),
            "{rest}"
        );
        let beyond = get(&url, "/web-root.img", "Range: bytes=10-\r\n");
        assert!(beyond.starts_with("HTTP/1.1 416 "), "{beyond}");
        for path in ["/secret", "/../secret", "/web-image.json.sig", "/"] {
            assert!(get(&url, path, "").starts_with("HTTP/1.1 404 "), "{path}");
        }
    }
}
