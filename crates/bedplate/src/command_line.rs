//! The words that `bedplate` understands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::run::RunArguments;

/// Builds, ships, boots and runs immutable Linux hosts.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES, propagate_version = true)]
pub struct CommandLine {
    /// Where downloaded and derived things are kept [default: $XDG_CACHE_HOME/bedplate]
    #[arg(
        long,
        global = true,
        env = "BEDPLATE_CACHE",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub cache: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed for another reason
  2    the command line is wrong
  3    the spec is wrong
  4    an image cannot be had (not found, not allowed, no network)
  5    bytes are not what they should be (digest, malformed archive, limit)
  6    no space is left, or a file cannot be read or written
  7    a program of the build machine is missing
  130  interrupted (143 by SIGTERM)
`bedplate run` has codes of its own: see `bedplate run --help`.";

const RUN_HELP: &str = "\
Examples:
  bedplate run out --publish 8080:80
  bedplate run out --publish :80 --wait-for http://guest:80/ --exec 'bedctl list'
  bedplate run out/web.iso --bios --net user --net user
  bedplate run out --disk file=state.img,size=1G --keep --console file:console.log

Exit codes:
  N    a command of --exec ended with N, which is not 0
  0    the host went down cleanly
  1    the boot stopped, QEMU died, or the host could not do what was asked
  2    the command line is wrong
  6    a file cannot be read or written
  7    a program of the build machine is missing
  130  interrupted; the host was powered off
  137  killed
  141  the kernel panicked";

const DIFF_HELP: &str = "\
Examples:
  bedplate diff old/ new/
  bedplate diff old/host-root.img new/host.efi --files
  bedplate diff old/host-manifest.json new/host-manifest.json --packages --json

Exit codes:
  0    the hosts do not differ in what was asked for
  1    they differ
  2    the command line is wrong
  5    a file is not what it should be (not of a host, cut off, malformed)
  6    a file cannot be read, or is not there
  130  interrupted";

#[derive(Subcommand)]
pub enum Command {
    /// Build a host from one or more specs
    #[command(after_help = "Examples:
  bedplate build host.yml
  bedplate build base.yml site.yml -o out --set VERSION=3 --format kernel+initrd --format tar
  bedplate build host.yml --dry-run")]
    Build(BuildArguments),
    /// Write down which images and packages the names in a spec stand for
    #[command(after_help = "Examples:
  bedplate lock host.yml && bedplate build host.yml --locked
  bedplate lock host.yml --pull always
  bedplate lock host.yml --pull always --check")]
    Lock(LockArguments),
    /// Boot a built host in QEMU
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
    /// Change a finished image
    #[command(subcommand)]
    Image(ImageCommand),
    /// Tell who put a path into a host
    #[command(after_help = "Example:\n  bedplate why /etc/hosts host.yml")]
    Why(WhyArguments),
    /// Tell what differs between two built hosts
    #[command(after_help = DIFF_HELP)]
    Diff(DiffArguments),
    /// List the system containers that specs can include, as `bedplate:NAME`
    Fragments {
        #[command(subcommand)]
        command: Option<FragmentsCommand>,
    },
    /// Make and show keys that builds are signed with
    #[command(subcommand)]
    Key(KeyCommand),
    /// Look at, check and clean the cache
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  bedplate completion bash > ~/.local/share/bash-completion/completions/bedplate"
    )]
    Completion { shell: clap_complete::Shell },
    /// Print the JSON Schema of specs
    Schema,
    /// Print a manual page
    #[command(after_help = "Examples:
  bedplate man | man -l -
  bedplate man cache gc > bedplate-cache-gc.1")]
    Man {
        /// Command whose page it is [default: bedplate itself]
        command: Vec<String>,
    },
    /// Print the help of all commands as Markdown
    #[command(hide = true)]
    Reference,
}

/// What a spec is read and resolved with.
#[derive(Args)]
pub struct SpecArguments {
    /// Set a variable of the spec
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// Architecture of the host: amd64, arm64 or riscv64 [default: this machine's]
    #[arg(long)]
    pub arch: Option<bedplate_types::Arch>,
    /// Bring exactly what NAME.lock beside the first spec says, as `bedplate lock` wrote it
    #[arg(long)]
    pub locked: bool,
    /// When registries and package mirrors are asked
    #[arg(long, value_enum, default_value_t = PullChoice::Missing)]
    pub pull: PullChoice,
    /// Ask URL first for what lies in REGISTRY
    #[arg(long, value_name = "[REGISTRY=]URL")]
    pub mirror: Vec<String>,
    /// Give a connection up on which nothing comes for so long
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub network_timeout: u64,
    /// Try so often again what failed for a reason that may pass, such as an overloaded registry
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    pub retries: u32,
    /// Time stamp that nothing in the host is later than, in seconds since 1970
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        hide_env_values = true,
        value_name = "SECONDS",
        default_value_t = 1_492_533_000
    )]
    pub epoch: u64,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum PullChoice {
    /// For what is not in the cache
    Missing,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum CompressionChoice {
    Zstd,
    Gzip,
    None,
}

#[derive(Args)]
pub struct BuildArguments {
    /// Spec files, merged in order; `-` is standard input
    #[arg(required = true)]
    pub spec: Vec<String>,
    /// Directory for the outputs
    #[arg(short, long, default_value = ".", value_name = "DIR")]
    pub output: PathBuf,
    /// What to write: kernel+initrd, kernel+initrd+root, tar, uki, raw, qcow2, vmdk, vhd, iso, raw-bios, oci, triton;
    /// may be repeated
    #[arg(long, default_value = "kernel+initrd")]
    pub format: Vec<bedplate_build::Format>,
    /// Name that the outputs begin with [default: that of the last spec]
    #[arg(long, value_parser = host_name)]
    pub name: Option<String>,
    /// How the initrd is compressed
    #[arg(long, value_enum, default_value_t = CompressionChoice::Zstd)]
    pub compression: CompressionChoice,
    /// Level of the compression [default: 3 for zstd, 6 for gzip]
    #[arg(long)]
    pub level: Option<i32>,
    /// Fetch what the plan needs to know, print the plan as JSON, and build nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Sign the root image with this secret key (ed25519, PKCS #8 in PEM)
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// Lose extended attributes where a format cannot hold them
    #[arg(long)]
    pub drop_xattrs: bool,
    #[command(flatten)]
    pub signing: SigningArguments,
    #[command(flatten)]
    pub resolving: SpecArguments,
}

/// What EFI programs are signed with.
#[derive(Args)]
pub struct SigningArguments {
    /// Sign EFI programs for Secure Boot with this RSA key (PEM, not encrypted)
    #[arg(long, value_name = "PEM", requires = "secureboot_cert")]
    pub secureboot_key: Option<PathBuf>,
    /// Certificate of that key (PEM)
    #[arg(long, value_name = "PEM", requires = "secureboot_key")]
    pub secureboot_cert: Option<PathBuf>,
}

/// A name that makes a plain file name.
fn host_name(text: &str) -> Result<String, &'static str> {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inner) {
        Ok(text.to_owned())
    } else {
        Err("it takes letters, digits, `.`, `_` and `-`, and begins with a letter or digit")
    }
}

#[derive(Subcommand)]
pub enum ImageCommand {
    /// Give a Unified Kernel Image another kernel command line
    #[command(after_help = "Example:
  bedplate image set-cmdline out/web.efi 'console=tty0 quiet'")]
    SetCmdline {
        /// The image, which is replaced
        file: PathBuf,
        /// The words of the command line, as one argument
        words: String,
        #[command(flatten)]
        signing: SigningArguments,
    },
}

#[derive(Args)]
pub struct LockArguments {
    /// Spec files, merged in order; NAME.lock is written beside the first
    #[arg(required = true)]
    pub spec: Vec<String>,
    /// A format that will be built, which may take packages of its own; may be repeated
    #[arg(long)]
    pub format: Vec<bedplate_build::Format>,
    /// Write nothing, and end with 3 if the file is not what the names stand for now
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub resolving: SpecArguments,
}

#[derive(Args)]
pub struct WhyArguments {
    /// Path in the host
    pub path: bedplate_types::TreePath,
    /// Spec files, merged in order
    #[arg(required = true)]
    pub spec: Vec<String>,
    #[command(flatten)]
    pub resolving: SpecArguments,
}

#[derive(Args)]
pub struct DiffArguments {
    /// The old host: a directory of outputs, a manifest, a tar, root image, initrd, EFI program or disk
    pub old: PathBuf,
    /// The new host, likewise
    pub new: PathBuf,
    /// Tell of files; with none of these three options, of everything
    #[arg(long)]
    pub files: bool,
    /// Tell of packages
    #[arg(long)]
    pub packages: bool,
    /// Tell of systemd's units
    #[arg(long)]
    pub units: bool,
}

#[derive(Subcommand)]
pub enum FragmentsCommand {
    /// Print one, to be copied and changed
    #[command(after_help = "Example:\n  bedplate fragments show dhcp > dhcp.yml")]
    Show {
        /// Its name
        name: String,
    },
    /// Print the reference of all as Markdown
    #[command(hide = true)]
    Reference,
}

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a secret key, and print its public key
    #[command(after_help = "Example:\n  bedplate key generate release.pem")]
    Generate {
        /// File of the secret key; it must not exist
        file: PathBuf,
    },
    /// Print the public key of a secret key, as `trust.keys` of a spec takes it
    #[command(after_help = "Example:\n  bedplate key show release.pem")]
    Show {
        /// File of the secret key
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub enum CacheCommand {
    /// List what is kept
    Ls,
    /// Remove an image, by the name that `ls` shows
    #[command(after_help = "Example:
  bedplate cache rm 'oci:images:web linux/amd64'")]
    Rm {
        /// Name of an image, or digest of an object; a platform at its end may be left out
        #[arg(required = true)]
        name: Vec<String>,
    },
    /// Read everything again, and remove what is damaged (exit code 5 if something is)
    Check,
    /// Remove what nothing needs, and what was not used for long
    #[command(after_help = "Examples:
  bedplate cache gc --max-age 30 --max-size 10G
  bedplate cache gc --max-size 0 --dry-run")]
    Gc {
        /// Remove what was not used for so many days
        #[arg(long, value_name = "DAYS")]
        max_age: Option<u64>,
        /// Remove the least recently used until this remains, such as 10G
        #[arg(long)]
        max_size: Option<bedplate_types::ByteSize>,
        /// Say what would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}
