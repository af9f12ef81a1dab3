//! How images are to be had.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bedplate_formats::compression::Limits;
use bedplate_spec::lock_file::LockFile;
use bedplate_types::Arch;

/// When the outside is asked for what was resolved before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pull {
    /// Only for what was never resolved, or is gone from the store.
    #[default]
    IfMissing,
    /// Always; layers that are here are still not fetched again.
    Always,
    /// Never: what is not here is an error.
    Never,
}

/// How images are to be had. Make one with [`Options::new`] and change what differs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Architecture of the images.
    pub arch: Arch,
    /// When the outside is asked.
    pub pull: Pull,
    /// Other places to ask first: a registry's name, and the URL (`https://host[:port]`) that is asked
    /// in its stead. An empty name stands for `docker.io`.
    pub mirrors: Vec<(String, String)>,
    /// Directory of Docker's `config.json`; `DOCKER_CONFIG` or `~/.docker` where absent.
    pub docker_config: Option<PathBuf>,
    /// What relative paths of references are relative to.
    pub base: PathBuf,
    /// A connection on which no byte comes for so long is given up.
    pub stall: Duration,
    /// How often a request is made again after a failure that may pass.
    pub retries: u32,
    /// The pause before the first repetition; each next one is twice as long.
    pub back_off: Duration,
    /// What requests stand for, where that is fixed: then nothing else is brought.
    pub locked: Option<Arc<LockFile>>,
    /// What a layer may unpack to at most.
    pub limits: Limits,
}

impl Options {
    /// For images of `arch`, with paths relative to `base`: ask if missing, give up after 30 seconds of
    /// silence, repeat 4 times beginning with half a second, unpack within [`Limits::default`].
    pub fn new(arch: Arch, base: impl Into<PathBuf>) -> Self {
        Self {
            arch,
            pull: Pull::default(),
            mirrors: Vec::new(),
            docker_config: None,
            base: base.into(),
            stall: Duration::from_secs(30),
            retries: 4,
            back_off: Duration::from_millis(500),
            locked: None,
            limits: Limits::default(),
        }
    }
}
