//! The kernel command line: the words that Bedplate knows.

/// An OEM string of the firmware (SMBIOS type 11) that begins so goes on with more of the command line: it is
/// how a hypervisor adds words to an image that holds its own (systemd-stub(7)).
pub const CMDLINE_EXTRA: &str = "io.systemd.stub.kernel-cmdline-extra=";

/// What the kernel command line says to PID 1.
///
/// | word | meaning |
/// |---|---|
/// | `bedplate.debug` | verbose messages, and a shell on the console if the boot stops (where the host has one) |
/// | `bedplate.control=DEVICE` | speak the control protocol on `/dev/DEVICE` too: root access for whoever holds the other end |
/// | `panic=N` | a boot that stopped reboots after N seconds (also the kernel's own) |
/// | `console=DEVICE[,…]` | the last one is where messages go (also the kernel's own) |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// `bedplate.debug`
    pub debug: bool,
    /// `bedplate.control=`
    pub control: Option<String>,
    /// `panic=`, in seconds; 0 and negative values are as the kernel defines them.
    pub panic: Option<i64>,
    /// All `console=` devices, options cut off, in order.
    pub consoles: Vec<String>,
}

impl CommandLine {
    /// Reads `/proc/cmdline`. Words that are not ours are passed over.
    pub fn parse(text: &str) -> Self {
        let mut line = Self::default();
        for word in words(text) {
            let (key, value) = word.split_once('=').unwrap_or((&word, ""));
            match key {
                "bedplate.debug" => line.debug = !matches!(value, "0" | "no" | "off"),
                "bedplate.control" if !value.is_empty() && !value.contains("..") => {
                    line.control = Some(value.trim_start_matches("/dev/").to_owned());
                }
                "panic" => line.panic = value.parse().ok(),
                "console" => {
                    let device = value.split(',').next().unwrap_or_default();
                    line.consoles.push(device.to_owned());
                }
                _ => {}
            }
        }
        line
    }
}

/// Words of a command line; a double quote keeps blanks together, as the kernel has it.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_found_among_others() {
        let line = CommandLine::parse(
            "ro quiet console=tty0 console=ttyS0,115200n8 bedplate.debug x=\"a b\" bedplate.control=ttyS1 panic=-1\n",
        );
        assert_eq!(
            line,
            CommandLine {
                debug: true,
                control: Some("ttyS1".into()),
                panic: Some(-1),
                consoles: vec!["tty0".into(), "ttyS0".into()],
            }
        );
    }
}
