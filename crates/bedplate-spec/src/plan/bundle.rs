//! How the root of a container comes about at boot: the mounts that `runtime.json` begins with.
//!
//! ```text
//! writable    tmpfs on BUNDLE/tmp, made private; overlay(lower = image, upper and work in tmp) on BUNDLE/rootfs
//! read-only   the image bound on BUNDLE/rootfs (on itself, if it lies there: runtimes want a mount point)
//! ```
//!
//! The image lies in the bundle that uses it first; others point there.

use bedplate_boot::Mount;
use bedplate_types::TreePath;

/// The mounts that make `rootfs` in the bundle `base` out of the image at `root`.
pub(super) fn bundle_mounts(base: &TreePath, root: &TreePath, readonly: bool) -> Vec<Mount> {
    let rootfs = format!("{base}/rootfs");
    if readonly {
        return vec![Mount {
            source: root.to_string(),
            destination: rootfs,
            options: vec!["bind".to_owned()],
            ..Mount::default()
        }];
    }
    let tmp = format!("{base}/tmp");
    let overlay = vec![
        format!("lowerdir={root}"),
        format!("upperdir={tmp}/upper"),
        format!("workdir={tmp}/work"),
    ];
    vec![
        Mount {
            kind: "tmpfs".into(),
            source: "tmpfs".into(),
            destination: tmp.clone(),
            ..Mount::default()
        },
        Mount {
            destination: tmp,
            options: vec!["remount".into(), "private".into()],
            ..Mount::default()
        },
        Mount {
            kind: "overlay".into(),
            source: "overlay".into(),
            destination: rootfs,
            options: overlay,
            ..Mount::default()
        },
    ]
}
