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
///
/// Words for a root that lies apart from the initramfs:
///
/// | word | meaning |
/// |---|---|
/// | `bedplate.root=PLACE` | where the root is, instead of where the initramfs was built to look ([`Place::from_word`](crate::root::Place::from_word)) |
/// | `fetch=URL` | what Triton's booter says: the URL of the root, beside which its description is, as `image.json`; `bedplate.root=` comes before it |
/// | `bedplate.wait=SECONDS` | how long to wait for devices (30 otherwise) and for an address (90 otherwise) |
/// | `bedplate.overlay=SIZE` | the most that changes to the root may take, as tmpfs(5) has it: `50%` (the default), `2G` |
/// | `init=PATH` | the program that is started in the root, `/sbin/init` otherwise (also the kernel's own) |
/// | `ip=…`, `BOOTIF=…` | the address, and the interface that the firmware booted from (also the kernel's own) |
/// | `noimport=true` | import no ZFS pool |
/// | `destroy_zpools=true` | destroy the system pool: a factory reset |
///
/// A word that is there twice counts as it is said last.
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
    /// `bedplate.root=`, or what `fetch=` comes to, unread.
    pub root: Option<String>,
    /// `bedplate.wait=`, in seconds.
    pub wait: Option<u64>,
    /// `bedplate.overlay=`, if it is a size.
    pub overlay: Option<String>,
    /// `init=`, if it is an absolute path.
    pub init: Option<String>,
    /// `ip=`, unread.
    pub ip: Option<String>,
    /// `BOOTIF=`, unread.
    pub boot_interface: Option<String>,
    /// `noimport=true`
    pub no_import: bool,
    /// `destroy_zpools=true`
    pub destroy_pools: bool,
}

impl CommandLine {
    /// Reads `/proc/cmdline`. Words that are not ours are passed over.
    pub fn parse(text: &str) -> Self {
        let mut line = Self::default();
        let mut fetched = None;
        for word in words(text) {
            let (key, value) = word.split_once('=').unwrap_or((&word, ""));
            let some = || (!value.is_empty()).then(|| value.to_owned());
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
                "bedplate.root" => line.root = some(),
                "fetch" => fetched = beside(value),
                "bedplate.wait" => line.wait = value.parse().ok(),
                "bedplate.overlay" => line.overlay = some().filter(|size| is_size(size)),
                "init" => line.init = some().filter(|path| path.starts_with('/')),
                "ip" => line.ip = some(),
                "BOOTIF" => line.boot_interface = some(),
                "noimport" => line.no_import = value == "true",
                "destroy_zpools" => line.destroy_pools = value == "true",
                _ => {}
            }
        }
        line.root = line.root.or(fetched);
        line
    }
}

/// The description of an image that Triton's booter names by its URL.
fn beside(url: &str) -> Option<String> {
    let is_url = url.starts_with("http://") || url.starts_with("https://");
    let (directory, _) = url.rsplit_once('/').filter(|_| is_url)?;
    Some(format!("{directory}/image.json"))
}

/// A size as tmpfs(5) takes it: digits, then nothing, `%`, `k`, `m` or `g`.
fn is_size(text: &str) -> bool {
    let digits = text.trim_end_matches(|last: char| "%kKmMgG".contains(last));
    text.len() - digits.len() <= 1
        && !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
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
                ..CommandLine::default()
            }
        );
    }

    #[test]
    fn words_for_a_root_that_lies_apart() {
        let line = CommandLine::parse(
            "bedplate.root=LABEL:/a.img bedplate.wait=5 bedplate.overlay=2G init=/bin/sh ip=dhcp \
             BOOTIF=01-52-54-00-12-34-56 noimport=true destroy_zpools=true",
        );
        assert_eq!(line.root.as_deref(), Some("LABEL:/a.img"));
        assert_eq!((line.wait, line.overlay.as_deref()), (Some(5), Some("2G")));
        assert_eq!(line.init.as_deref(), Some("/bin/sh"));
        assert_eq!(line.ip.as_deref(), Some("dhcp"));
        assert_eq!(line.boot_interface.as_deref(), Some("01-52-54-00-12-34-56"));
        assert!(line.no_import && line.destroy_pools);
    }

    #[test]
    fn tritons_booter_is_understood() {
        let fetch = "fetch=http://10.0.0.2/os/20261120T101500Z/platform/x86_64/filesystem.squashfs";
        let described = "http://10.0.0.2/os/20261120T101500Z/platform/x86_64/image.json";
        let root = |text: &str| CommandLine::parse(text).root;
        assert_eq!(
            root(&format!("boot=live {fetch}")).as_deref(),
            Some(described)
        );
        assert_eq!(
            root(&format!("bedplate.root=initramfs {fetch}")).as_deref(),
            Some("initramfs")
        );
        assert_eq!(root("fetch=/filesystem.squashfs"), None);
    }

    #[test]
    fn values_that_make_no_sense_are_passed_over() {
        let line = CommandLine::parse(
            "bedplate.wait=soon bedplate.overlay=1,mode=777 init=sh noimport=yes destroy_zpools bedplate.root=",
        );
        assert_eq!(line, CommandLine::default());
        for (text, good) in [
            ("50%", true),
            ("10", true),
            ("1kk", false),
            ("%", false),
            ("", false),
        ] {
            assert_eq!(is_size(text), good, "{text}");
        }
    }
}
