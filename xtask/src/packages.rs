//! The Debian and Ubuntu packages that building, the tests and the demo take: one table.

/// A package, how to see that it is there, and why it is needed.
pub struct Package {
    /// Name in Debian and Ubuntu.
    pub name: &'static str,
    /// A program that it brings, or another file with its whole path.
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
    package(
        "apt-utils",
        "apt-ftparchive",
        "tests: small archives of packages",
    ),
    package("binutils", "objcopy", "tests: judges our UKIs"),
    package(
        "btrfs-progs",
        "mkfs.btrfs",
        "tests: makes file systems that we tell apart",
    ),
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
        "cryptsetup-bin",
        "veritysetup",
        "tests: judges our dm-verity hash devices",
    ),
    package(
        "docker-registry",
        "docker-registry",
        "tests: a real registry on loopback",
    ),
    package("dosfstools", "fsck.fat", "tests: judges our FAT volumes"),
    package(
        "e2fsprogs",
        "mkfs.ext4",
        "tests: makes file systems that we tell apart",
    ),
    package("fdisk", "sfdisk", "tests: judges our partition tables"),
    package("gcc", "gcc", "links Rust programs"),
    package("gdisk", "sgdisk", "tests: judges our partition tables"),
    package("gpg", "gpg", "tests: signs small archives of packages"),
    package(
        "grub-common",
        "grub-mkimage",
        "`bedplate build` for BIOS machines: puts GRUB together",
    ),
    package("gzip", "gzip", "tests: judges our initrds; benchmarks"),
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
    package("mtools", "mdir", "tests: reads our FAT volumes"),
    package("musl-tools", "musl-gcc", "builds the static guest programs"),
    package("openssh-client", "ssh-keygen", "tests: logs in to a host"),
    package(
        "openssl",
        "openssl",
        "tests: certificates for a registry over TLS",
    ),
    package(
        "ovmf",
        "/usr/share/ovmf/OVMF.fd",
        "`bedplate run` of disks: UEFI firmware",
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
    package(
        "qemu-utils",
        "qemu-img",
        "`bedplate build` and `run`: disks in qcow2 and vmdk",
    ),
    package("sbsigntool", "sbsign", "tests: signs and judges UKIs"),
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
    package(
        "systemd-boot-efi",
        "/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        "tests: the EFI stub of UKIs",
    ),
    package("uidmap", "newuidmap", "`base:` without root"),
    package(
        "util-linux",
        "setpriv",
        "tests: building as an ordinary user",
    ),
    package(
        "xfsprogs",
        "mkfs.xfs",
        "tests: makes file systems that we tell apart",
    ),
    package("xorriso", "xorriso", "tests: judges our media"),
    package("zstd", "zstd", "tests: judges our initrds; benchmarks"),
];

impl Package {
    /// Is it installed, as far as can be seen?
    pub fn is_there(&self) -> bool {
        match self.brings.starts_with('/') {
            true => std::path::Path::new(self.brings).is_file(),
            false => crate::steps::in_path(self.brings),
        }
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
