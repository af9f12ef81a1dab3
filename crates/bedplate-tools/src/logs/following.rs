//! A log file that is read while it is written, and while it turns over.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// At most so much is read at once; a longer line is passed on in parts.
const AT_ONCE: usize = 64 * 1024;

/// A file, and how far it was read.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    /// Where the next line begins.
    at: u64,
}

impl Followed {
    /// Will read `path` from its beginning.
    pub fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Gives each whole line that was not given yet. One that `take` refuses is given again next time.
    pub fn each_line(&mut self, mut take: impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        loop {
            let Some(open) = self.opened()? else {
                return Ok(());
            };
            open.each_line(&mut take)?;
            let inode = open.inode;
            // The open file is at its end: is there a new one in its place?
            match std::fs::metadata(&self.path) {
                Ok(current) if current.ino() != inode => self.open = None,
                _ => return Ok(()),
            }
        }
    }

    fn opened(&mut self) -> io::Result<Option<&mut Open>> {
        if self.open.is_none() {
            let file = match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            let inode = file.metadata()?.ino();
            self.open = Some(Open { file, inode, at: 0 });
        }
        Ok(self.open.as_mut())
    }
}

impl Open {
    fn each_line(&mut self, take: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        let mut buffer = vec![0; AT_ONCE];
        loop {
            self.file.seek(SeekFrom::Start(self.at))?;
            let count = read_full(&mut self.file, &mut buffer)?;
            let mut rest = &buffer[..count];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&rest[..end]);
                if !line.is_empty() {
                    take(&line)?;
                }
                self.at += end as u64 + 1;
                rest = &rest[end + 1..];
            }
            if count < AT_ONCE {
                return Ok(());
            }
            if rest.len() == AT_ONCE {
                take(&String::from_utf8_lossy(rest))?;
                self.at += AT_ONCE as u64;
            }
        }
    }
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn lines(followed: &mut Followed) -> Vec<String> {
        let mut lines = Vec::new();
        let take = |line: &str| {
            lines.push(line.to_owned());
            Ok(())
        };
        followed.each_line(take).unwrap();
        lines
    }

    #[test]
    fn whole_lines_come_once_and_the_file_may_turn_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.log");
        let mut followed = Followed::new(path.clone());
        assert!(lines(&mut followed).is_empty());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntwo\nthr").unwrap();
        assert_eq!(lines(&mut followed), ["one", "two"]);
        file.write_all(b"ee\nlast of the old\n").unwrap();
        fs::rename(&path, directory.path().join("web.log.1")).unwrap();
        fs::write(&path, "first of the new\n").unwrap();
        assert_eq!(
            lines(&mut followed),
            ["three", "last of the old", "first of the new"]
        );
        assert!(lines(&mut followed).is_empty());
    }

    #[test]
    fn a_line_that_was_refused_comes_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.log");
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut followed = Followed::new(path);
        let refuse_two = |line: &str| match line {
            "two" => Err(io::ErrorKind::NotConnected.into()),
            _ => Ok(()),
        };
        assert!(followed.each_line(refuse_two).is_err());
        assert_eq!(lines(&mut followed), ["two"]);
    }

    #[test]
    fn a_very_long_line_comes_in_parts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web.log");
        fs::write(
            &path,
            [vec![b'x'; AT_ONCE + 5], b"\nend\n".to_vec()].concat(),
        )
        .unwrap();
        let lengths: Vec<usize> = lines(&mut Followed::new(path))
            .iter()
            .map(String::len)
            .collect();
        assert_eq!(lengths, [AT_ONCE, 5, 3]);
    }
}
