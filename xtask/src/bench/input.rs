//! The input of the benchmark: a Debian root file system as one gzip layer in an OCI layout, and a spec around it.
//! Made once, by mmdebstrap, from the mirror of this machine's apt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::error::{Context, Error, Result};
use crate::steps::{output, run, step};

const SUITE: &str = "trixie";
/// About 350 MB, with programs, libraries, interpreted code and documents.
const PACKAGES: &str =
    "systemd,systemd-sysv,udev,dbus,openssh-server,iproute2,nftables,python3,git";

/// Where the input lies.
pub struct Input {
    directory: PathBuf,
}

impl Input {
    /// Makes what is not there yet.
    pub fn ensure(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory).context("make the directory of the benchmark")?;
        let input = Self {
            directory: directory.to_owned(),
        };
        if !input.rootfs().exists() {
            step("make a root file system (once)", || input.bootstrap())?;
        }
        if !input.directory.join("image/index.json").exists() {
            step("make an image of it (once)", || input.image())?;
        }
        Ok(input)
    }

    /// The root file system as a tar.
    pub fn rootfs(&self) -> PathBuf {
        self.directory.join("rootfs.tar")
    }

    /// The layer.
    pub fn layer(&self) -> PathBuf {
        self.directory.join("layer.tar.gz")
    }

    /// Writes the spec, with `content` in its one file.
    pub fn spec(&self, content: &str) -> Result<PathBuf> {
        let path = self.directory.join("big.yml");
        let image = self.directory.join("image");
        let text = format!(
            "kernel:\n  packages: [linux-image-cloud-amd64]\n  cmdline: console=ttyS0\n\
             services:\n  - name: big\n    image: oci:{}:big\n    command: [/bin/true]\n\
             files:\n  - path: etc/bench\n    contents: \"{content}\"\n",
            image.display()
        );
        fs::write(&path, text).context("write the spec")?;
        Ok(path)
    }

    fn bootstrap(&self) -> Result<()> {
        let targets = [
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ];
        let mirrors = output(Command::new("apt-get").args(targets))?;
        let mirror = mirrors
            .lines()
            .next()
            .ok_or_else(|| Error::from("apt knows no mirror".to_owned()))?;
        let partial = self.directory.join("rootfs.partial.tar");
        let include = format!("--include={PACKAGES}");
        let mut command = Command::new("mmdebstrap");
        run(command
            .args(["-q", "--variant=minbase", &include, SUITE])
            .arg(&partial)
            .arg(mirror))?;
        fs::rename(&partial, self.rootfs()).context("keep the root file system")
    }

    fn image(&self) -> Result<()> {
        let script = format!(
            "gzip -6nc '{}' > '{}'",
            self.rootfs().display(),
            self.layer().display()
        );
        run(Command::new("sh").args(["-c", &script]))?;
        let layer = self.blob("application/vnd.oci.image.layer.v1.tar+gzip", &self.layer())?;
        let diff_id = format!("sha256:{}", sha256(&self.rootfs())?);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        });
        let config = self.document("application/vnd.oci.image.config.v1+json", &config)?;
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]});
        let mut entry = self.document(kind, &manifest)?;
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "big"});
        entry["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(
            self.directory.join("image/oci-layout"),
            r#"{"imageLayoutVersion": "1.0.0"}"#,
        )?;
        fs::write(self.directory.join("image/index.json"), index.to_string())
            .context("write the index")
    }

    fn document(&self, kind: &str, value: &Value) -> Result<Value> {
        let file = self.directory.join("document.json");
        fs::write(&file, value.to_string())?;
        let blob = self.blob(kind, &file);
        fs::remove_file(&file)?;
        blob
    }

    fn blob(&self, kind: &str, file: &Path) -> Result<Value> {
        let digest = sha256(file)?;
        let blobs = self.directory.join("image/blobs/sha256");
        fs::create_dir_all(&blobs)?;
        let size = fs::copy(file, blobs.join(&digest)).context("write a blob")?;
        Ok(json!({"mediaType": kind, "digest": format!("sha256:{digest}"), "size": size}))
    }
}

fn sha256(file: &Path) -> Result<String> {
    let line = output(Command::new("sha256sum").arg(file))?;
    line.split(' ')
        .next()
        .map(str::to_owned)
        .ok_or_else(|| Error::from("sha256sum said nothing".to_owned()))
}
