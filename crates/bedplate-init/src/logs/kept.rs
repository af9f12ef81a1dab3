//! Log files that turn over: `NAME.log`, `NAME.log.1`, `NAME.log.2`, of 1 MiB each.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const DIRECTORY: &str = "/var/log";
const LARGEST: u64 = 1 << 20;
const FILES: usize = 3;

/// The youngest file of a log. If it cannot be written, lines go to the console only.
#[derive(Debug)]
pub struct KeptLog {
    path: PathBuf,
    file: Option<File>,
    size: u64,
}

impl KeptLog {
    /// Goes on with the log of a container.
    pub fn open(name: &str) -> Self {
        Self::open_in(Path::new(DIRECTORY), name)
    }

    fn open_in(directory: &Path, name: &str) -> Self {
        let mut log = Self {
            path: directory.join(format!("{name}.log")),
            file: None,
            size: 0,
        };
        log.reopen();
        log
    }

    /// Adds whole lines.
    pub fn append(&mut self, lines: &[u8]) {
        if self.size > 0 && self.size.saturating_add(lines.len() as u64) > LARGEST {
            self.turn_over();
        }
        let Some(file) = &mut self.file else { return };
        match file.write_all(lines) {
            Ok(()) => self.size += lines.len() as u64,
            Err(_) => self.file = None,
        }
    }

    fn reopen(&mut self) {
        self.file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .ok();
        self.size = self
            .file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .map_or(0, |metadata| metadata.len());
    }

    fn turn_over(&mut self) {
        for number in (1..FILES).rev() {
            // The older ones may not exist yet.
            let _ = fs::rename(
                numbered(&self.path, number - 1),
                numbered(&self.path, number),
            );
        }
        self.reopen();
    }
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        path.to_owned()
    } else {
        PathBuf::from(format!("{}.{number}", path.display()))
    }
}

/// The last lines that are kept of a container's log, or all of them.
pub fn tail(name: &str, lines: Option<usize>) -> io::Result<Vec<u8>> {
    tail_in(Path::new(DIRECTORY), name, lines)
}

fn tail_in(directory: &Path, name: &str, lines: Option<usize>) -> io::Result<Vec<u8>> {
    let path = directory.join(format!("{name}.log"));
    let mut text = Vec::new();
    for number in (0..FILES).rev() {
        match fs::read(numbered(&path, number)) {
            Ok(bytes) => text.extend(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let Some(lines) = lines else { return Ok(text) };
    let ends = text
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n');
    let start = ends.map(|(at, _)| at + 1).nth(lines).unwrap_or(0);
    Ok(text.split_off(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_turns_over_and_three_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = KeptLog::open_in(directory.path(), "web");
        let line = [vec![b'x'; 300 * 1024 - 1], vec![b'\n']].concat();
        for _ in 0..20 {
            log.append(&line);
        }
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["web.log", "web.log.1", "web.log.2"]);
        assert!(
            fs::metadata(directory.path().join("web.log.1"))
                .unwrap()
                .len()
                <= LARGEST
        );
        assert_eq!(KeptLog::open_in(directory.path(), "web").size, log.size);
    }

    #[test]
    fn the_tail_reaches_into_older_files() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("web.log.1"), "a\nb\n").unwrap();
        fs::write(directory.path().join("web.log"), "c\nd\n").unwrap();
        let tail =
            |lines| String::from_utf8(tail_in(directory.path(), "web", lines).unwrap()).unwrap();
        assert_eq!(tail(Some(3)), "b\nc\nd\n");
        assert_eq!(tail(Some(0)), "");
        assert_eq!(tail(Some(9)), "a\nb\nc\nd\n");
        assert_eq!(tail(None), "a\nb\nc\nd\n");
    }
}
