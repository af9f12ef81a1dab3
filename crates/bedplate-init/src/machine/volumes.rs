//! Named trees: `lower` alone where read-only, else an overlay of it and a tmpfs.

use std::fs;
use std::io;
use std::path::Path;

use bedplate_boot::Volume;
use bedplate_sys::mounting::{mount, parse_options};

use crate::console;

/// Mounts all volumes. One that fails is told: what uses it will fail in turn.
pub fn mount_all(volumes: &[Volume]) {
    for volume in volumes {
        let directory = Path::new("/containers/volumes").join(&volume.name);
        if let Err(error) = mount_one(&directory, volume.readonly) {
            console::warn(format_args!("mount the volume `{}`", volume.name), &error);
        }
    }
}

fn mount_one(directory: &Path, readonly: bool) -> io::Result<()> {
    let [lower, merged, tmp] = ["lower", "merged", "tmp"].map(|name| directory.join(name));
    if readonly {
        return mount(
            &lower.to_string_lossy(),
            &merged,
            "",
            &parse_options(&["bind", "ro"]),
        );
    }
    mount(
        "tmpfs",
        &tmp,
        "tmpfs",
        &parse_options(&["relatime", "mode=755"]),
    )?;
    let [upper, work] = ["upper", "work"].map(|name| tmp.join(name));
    fs::create_dir(&upper)?;
    fs::create_dir(&work)?;
    let layers = [
        ("lowerdir", &lower),
        ("upperdir", &upper),
        ("workdir", &work),
    ];
    let options = layers.map(|(key, path)| format!("{key}={}", path.display()));
    let mut options = parse_options(&options);
    options.flags |= bedplate_sys::mounting::flag::RELATIME;
    mount("overlay", &merged, "overlay", &options)
}
