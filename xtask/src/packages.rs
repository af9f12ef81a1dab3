//! The Debian and Ubuntu packages that building, the tests and the demo take: one table.

/// A package, how to see that it is there, and why it is needed.
pub struct Package {
    /// Name in Debian and Ubuntu.
    pub name: &'static str,
    /// A program that it brings, or the path of another file.
    pub brings: &'static str,
    /// What needs it.
    pub why: &'static str,
}

const fn package(name: &'static str, brings: &'static str, why: &'static str) -> Package {
    Package { name, brings, why }
}

/// All of them, by name.
pub const PACKAGES: &[Package] = &[
    package("binutils", "objcopy", "tests: judges our UKIs"),
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
    package("pesign", "pesign", "tests: judges our digests of UKIs"),
    package("python3", "python3", "tests: makes and judges archives"),
    package(
        "python3-pefile",
        "/usr/lib/python3/dist-packages/pefile.py",
        "tests: judges our UKIs",
    ),
    package(
        "qemu-system-x86",
        "qemu-system-x86_64",
        "`bedplate run`, boot tests, demo",
    ),
    package("qemu-utils", "qemu-img", "`bedplate run`: disks in qcow2"),
    package("sbsigntool", "sbsign", "tests: signs and judges UKIs"),
    package("skopeo", "skopeo", "tests: fills and judges registries"),
    package(
        "systemd-boot-efi",
        "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        "the EFI stub of UKIs",
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
