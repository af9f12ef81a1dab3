//! Bytes to lines.

/// A line longer than this is broken, so that a container without newlines does not fill PID 1's memory.
const LONGEST: usize = 8 * 1024;
/// The console gets no more of a line.
const SHOWN: usize = 400;

/// Keeps what has no newline yet.
#[derive(Debug, Default)]
pub struct LineSplitter {
    rest: Vec<u8>,
}

impl LineSplitter {
    /// The lines that are whole now, without their ends. Bytes that are not UTF-8 are replaced.
    pub fn split(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.rest.pop();
                if self.rest.last() == Some(&b'\r') {
                    self.rest.pop();
                }
                lines.push(self.take());
            }
            while self.rest.len() > LONGEST {
                let rest = self.rest.split_off(LONGEST);
                lines.push(self.take());
                self.rest = rest;
            }
        }
        lines
    }

    /// What is left at the end.
    pub fn rest(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }
}

/// As much of a line as the console gets.
pub fn shorten(line: &str) -> String {
    if line.len() <= SHOWN {
        return line.to_owned();
    }
    let end = (0..=SHOWN)
        .rev()
        .find(|&end| line.is_char_boundary(end))
        .unwrap_or(0);
    format!("{}…", &line[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut splitter = LineSplitter::default();
        assert!(splitter.split(b"hel").is_empty());
        assert_eq!(splitter.split(b"lo\r\n\nwor"), ["hello", ""]);
        assert_eq!(splitter.rest().as_deref(), Some("wor"));
        assert_eq!(splitter.rest(), None);
        assert_eq!(splitter.split(b"\xff\n"), ["\u{fffd}"]);
    }

    #[test]
    fn a_line_without_an_end_is_broken() {
        let mut splitter = LineSplitter::default();
        let lines = splitter.split(&vec![b'x'; 3 * LONGEST + 1]);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [LONGEST; 3]
        );
        assert_eq!(splitter.rest().as_deref(), Some("x"));
    }

    #[test]
    fn a_long_line_is_shortened_between_characters() {
        assert_eq!(shorten("short"), "short");
        let long = "é".repeat(300);
        assert_eq!(shorten(&long), format!("{}…", "é".repeat(200)));
    }
}
