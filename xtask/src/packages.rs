//! The Debian and Ubuntu packages that building, the tests and the demo take: one table.

/// A package, how to see that it is there, and why it is needed.
pub struct Package {
    /// Name in Debian and Ubuntu.
    pub name: &'static str,
    /// A program that it brings.
    pub brings: &'static str,
    /// What needs it.
    pub why: &'static str,
}

const fn package(name: &'static str, brings: &'static str, why: &'static str) -> Package {
    Package { name, brings, why }
}

/// All of them, by name.
pub const PACKAGES: &[Package] = &[
    package(
        "busybox-static",
        "busybox",
        "tests and demo: programs for images",
    ),
    package(
        "ca-certificates",
        "update-ca-certificates",
        "registries over TLS",
    ),
    package("cpio", "cpio", "tests: judges our archives"),
    package(
        "docker-registry",
        "docker-registry",
        "tests: a real registry on loopback",
    ),
    package("gcc", "gcc", "links Rust programs"),
    package("gzip", "gzip", "benchmarks"),
    package("kmod", "depmod", "tests: judges our module indexes"),
    package(
        "libcap2-bin",
        "getcap",
        "tests: judges capabilities in our images",
    ),
    package(
        "mmdebstrap",
        "mmdebstrap",
        "benchmarks: a root file system of real size",
    ),
    package("musl-tools", "musl-gcc", "builds the static guest programs"),
    package(
        "openssl",
        "openssl",
        "tests: certificates for a registry over TLS",
    ),
    package("python3", "python3", "tests: makes and judges archives"),
    package(
        "qemu-system-x86",
        "qemu-system-x86_64",
        "`bedplate run`, boot tests, demo",
    ),
    package("qemu-utils", "qemu-img", "`bedplate run`: disks in qcow2"),
    package("skopeo", "skopeo", "tests: fills and judges registries"),
    package(
        "squashfs-tools",
        "unsquashfs",
        "tests: judges our SquashFS images",
    ),
    package(
        "squashfs-tools-ng",
        "sqfs2tar",
        "tests: judges our SquashFS images",
    ),
    package("uidmap", "newuidmap", "benchmarks: mmdebstrap without root"),
    package(
        "util-linux",
        "setpriv",
        "tests: building as an ordinary user",
    ),
    package("zstd", "zstd", "benchmarks: what compression alone takes"),
];

impl Package {
    /// Is it installed, as far as can be seen?
    pub fn is_there(&self) -> bool {
        crate::steps::in_path(self.brings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_says_why() {
        assert!(PACKAGES.is_sorted_by(|a, b| a.name < b.name));
        assert!(PACKAGES.iter().all(|package| !package.why.is_empty()));
    }
}
