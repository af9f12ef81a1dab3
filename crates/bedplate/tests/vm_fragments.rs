//! System containers at hand: fragments that specs include, in two hosts.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bedplate_testkit::{Vm, VmOptions};
use workshop::{Said, Workshop};

/// All that needs no disk of its own. The clock is asked for at a server in the host, which is an hour ahead.
const SERVING: &str = r#"
include:
  - bedplate:dhcp
  - {file: bedplate:sysctl, set: {SYSCTL: "net.ipv4.ip_forward = 1\nvm.swappiness = 7"}}
  - {file: bedplate:modprobe, set: {MODULES: dummy}}
  - {file: bedplate:network, set: {INTERFACE: dummy0, ADDRESS: 192.0.2.7/24}}
  - bedplate:metadata
  - bedplate:ssh
  - {file: bedplate:getty, set: {PASSWORD_HASH: "${HASH}", CONSOLES: ttyS0}}
  - {file: bedplate:time, set: {SERVERS: 127.0.0.1}}
  - {file: bedplate:logs, set: {TO: "tcp://10.0.2.2:${PORT}"}}
  - bedplate:metrics
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
services:
  - name: clock
    packages: {include: [python3-minimal]}
    capabilities: [CAP_NET_BIND_SERVICE]
    binds: ["/etc/clock.py:/clock.py:ro"]
    command: [/usr/bin/python3, /clock.py]
files:
  - path: etc/clock.py
    mode: "0644"
    contents: |
      # NTP (RFC 5905): mode 4, stratum 1; the client's own time comes back, and ours is an hour ahead.
      import socket, struct, time
      server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      server.bind(("127.0.0.1", 123))
      begun = time.monotonic()
      ahead = time.time() + 3600
      while True:
          query, peer = server.recvfrom(512)
          now = ahead + time.monotonic() - begun + 2208988800
          stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
          head = struct.pack(">BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"TEST")
          server.sendto(head + stamp + query[40:48] + stamp + stamp, peer)
"#;

const PASSWORD: &str = "correct horse";

#[test]
fn vm_fragments_serve_a_host() {
    let workshop = Workshop::new();
    let received = Received::listen();
    let file = workshop.write("serving.yml", SERVING);
    let out = workshop.directory("serving");
    let hash = output(Command::new("openssl").args(["passwd", "-6", PASSWORD]));
    let build = Said::from(workshop.bedplate(&[
        "build",
        file.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--set",
        &format!("HASH={}", hash.trim()),
        "--set",
        &format!("PORT={}", received.port),
    ]));
    build.good();
    let key = make_key(workshop.home());
    let disk = metadata_disk(
        workshop.home(),
        &fs::read_to_string(key.with_extension("pub")).unwrap(),
    );
    let vm = VmOptions::new(&out)
        .publish(22)
        .publish(9100)
        .disk(&format!("file={}", disk.display()))
        .boot();
    vm.wait_up();
    the_boot_set_network_and_kernel(&vm);
    a_key_of_the_metadata_opens_the_host(&vm, &key);
    a_password_opens_the_console(&vm);
    the_clock_is_set(&vm);
    let metrics = vm.get(9100, "/metrics");
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("node_memory_MemTotal_bytes"), "{metrics}");
    assert!(metrics.contains("nodename=\"from-metadata\""), "{metrics}");
    received.wait_for(" from-metadata onboot.000-dhcp - - - eth0 has 10.0.2.15/24");
    received.wait_for(" ssh - - - ");
    assert_eq!(vm.power_off(), 0);
}

fn the_boot_set_network_and_kernel(vm: &Vm) {
    let read = |path: &str| {
        let said = vm.exec(Some("ssh"), &["/bin/busybox", "cat", path]);
        assert_eq!(said.code, 0, "{said:?}");
        said.out.trim().to_owned()
    };
    assert_eq!(read("/proc/sys/net/ipv4/ip_forward"), "1");
    assert_eq!(read("/proc/sys/vm/swappiness"), "7");
    let resolver = read("/etc/resolv.conf");
    assert!(resolver.contains("nameserver 10.0.2.3"), "{resolver}");
    let addresses = vm
        .exec(Some("ssh"), &["/bin/busybox", "ip", "-4", "addr"])
        .out;
    for address in ["10.0.2.15/24", "192.0.2.7/24"] {
        assert!(addresses.contains(address), "{addresses}");
    }
    assert_eq!(read("/host/run/config/provider"), "disk");
    assert_eq!(read("/host/run/config/userdata"), "hello");
}

fn a_key_of_the_metadata_opens_the_host(vm: &Vm, key: &Path) {
    let port = vm.port(22).to_string();
    let ssh = |options: &[&str]| {
        let mut ssh = Command::new("ssh");
        ssh.args(["-p", &port, "-F", "none", "-o", "BatchMode=yes"])
            .args([
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
            ])
            .args(options)
            .args(["root@127.0.0.1", "hostname; chroot /host bedctl list"]);
        Said::from(ssh.output().unwrap())
    };
    let with_key = ["-o", "IdentitiesOnly=yes", "-i", key.to_str().unwrap()];
    let deadline = Instant::now() + Duration::from_secs(60);
    let said = loop {
        let said = ssh(&with_key);
        // The host is up as soon as its services run; this one makes its own key first.
        if said.code == Some(0) {
            break said;
        }
        assert!(Instant::now() < deadline, "{said:?}\n{}", vm.logs("ssh"));
        std::thread::sleep(Duration::from_millis(500));
    };
    assert!(said.out.starts_with("from-metadata\n"), "{said:?}");
    assert!(said.out.contains("metrics"), "{said:?}");
    let stranger = ssh(&["-o", "IdentityFile=none", "-o", "IdentityAgent=none"]);
    assert_eq!(stranger.code, Some(255), "{stranger:?}");
    assert!(
        stranger.err.contains("Permission denied (publickey)"),
        "{stranger:?}"
    );
}

fn a_password_opens_the_console(vm: &Vm) {
    // Each question has to be new: the console keeps the earlier ones.
    let wait_for = |question: &str, times: usize| {
        let deadline = Instant::now() + Duration::from_secs(120);
        while vm.console().matches(question).count() < times {
            assert!(Instant::now() < deadline, "{question}: {}", vm.console());
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let log_in = |password: &str, times: usize| {
        wait_for(" login:", times);
        vm.type_text("root\n");
        wait_for("Password:", times);
        vm.type_text(&format!("{password}\n"));
    };
    log_in("a guess", 1);
    vm.wait_console("Login incorrect");
    log_in(PASSWORD, 2);
    vm.wait_console("~ #");
    vm.type_text("echo I am $(id -un) of $((40 + 2))\n");
    vm.wait_console("I am root of 42");
}

fn the_clock_is_set(vm: &Vm) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let now = || {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    loop {
        let said = vm.exec(Some("ssh"), &["/bin/busybox", "date", "+%s"]);
        let ahead = said.out.trim().parse::<u64>().unwrap().abs_diff(now());
        if (3500..3700).contains(&ahead) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{ahead} s ahead; {}",
            vm.logs("time")
        );
        std::thread::sleep(Duration::from_millis(500));
    }
}

const KEEPING: &str = r#"
include:
  - {file: bedplate:format, set: {LABEL: state}}
  - {file: bedplate:extend, set: {LABEL: state}}
  - {file: bedplate:mount, set: {WHAT: LABEL=state, AT: /var/lib/state}}
  - {file: bedplate:swap, set: {FILE: /var/lib/state/swap, SIZE: 16M}}
  - bedplate:ssh
  - bedplate:getty
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
services:
  - name: counter
    packages: [busybox-static]
    binds: ["/var/lib/state:/state"]
    command: [/bin/busybox, sh, -c, "echo boot >> /state/boots; /bin/busybox sync; exec /bin/busybox sleep 100000"]
"#;

#[test]
fn vm_a_volume_on_a_fresh_disk_survives_a_reboot() {
    let workshop = Workshop::new();
    let out = workshop.build("keeping", KEEPING);
    // What is no file system that anybody knows is left alone all the same.
    let taken = workshop.home().join("taken.raw");
    let mark = b"somebody's own format";
    fs::write(
        &taken,
        [vec![0; 700_000], mark.to_vec(), vec![0; 8 << 20]].concat(),
    )
    .unwrap();
    let before = fs::read(&taken).unwrap();
    let fresh = workshop.home().join("fresh.raw");
    fs::File::create(&fresh)
        .unwrap()
        .set_len(256 << 20)
        .unwrap();
    let boot = || {
        let disks = [&taken, &fresh].map(|disk| format!("file={}", disk.display()));
        let vm = VmOptions::new(&out).disk(&disks[0]).disk(&disks[1]).boot();
        vm.wait_up();
        let run = |command: &[&str]| vm.exec(Some("counter"), command).out;
        let boots = run(&["/bin/busybox", "cat", "/state/boots"])
            .lines()
            .count();
        let space = run(&["/bin/busybox", "df", "-m", "/state"]);
        let size: u64 = space
            .split_whitespace()
            .rev()
            .nth(4)
            .unwrap()
            .parse()
            .unwrap();
        let swaps = run(&["/bin/busybox", "cat", "/proc/swaps"]);
        assert!(swaps.contains("16372"), "16 MiB less a page: {swaps}");
        // Nobody gave a key or a password: neither server is there.
        for name in ["ssh", "getty"] {
            assert!(
                vm.logs(name).contains("nobody could log in"),
                "{}",
                vm.logs(name)
            );
            assert_eq!(vm.container(name).pid, None);
        }
        let console = vm.console();
        assert_eq!(vm.power_off(), 0);
        (boots, size, console)
    };
    let (boots, size, console) = boot();
    assert_eq!(boots, 1);
    assert!((200..256).contains(&size), "{size}");
    assert!(
        console.contains("making ext4 with the label state on /dev/vdb1"),
        "{console}"
    );
    // The disk grows between the boots, and the file system with it.
    fs::File::options()
        .write(true)
        .open(&fresh)
        .unwrap()
        .set_len(400 << 20)
        .unwrap();
    let (boots, size, console) = boot();
    assert_eq!(boots, 2);
    assert!((330..400).contains(&size), "{size}");
    assert!(
        console.contains("/dev/vdb1 has the label state already"),
        "{console}"
    );
    assert!(
        fs::read(&taken).unwrap() == before,
        "a disk that was not empty was written to"
    );
    let mut table = [0; 8];
    let mut disk = fs::File::open(&fresh).unwrap();
    disk.seek(SeekFrom::Start(512)).unwrap();
    disk.read_exact(&mut table).unwrap();
    assert_eq!(&table, b"EFI PART");
}

/// A syslog server on loopback, over TCP.
struct Received {
    port: u16,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Received {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&text);
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut part = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut part) {
                    writer.lock().unwrap().extend_from_slice(&part[..count]);
                }
            }
        });
        Self { port, text }
    }

    #[track_caller]
    fn wait_for(&self, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let text = String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned();
            if text.contains(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "`{wanted}` did not come, but\n{text}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn make_key(home: &Path) -> PathBuf {
    let key = home.join("key");
    output(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key),
    );
    key
}

/// A NoCloud disk: FAT with the label `CIDATA`.
fn metadata_disk(home: &Path, key: &str) -> PathBuf {
    let disk = home.join("cidata.raw");
    fs::File::create(&disk).unwrap().set_len(4 << 20).unwrap();
    let mkfs = "/usr/sbin/mkfs.fat";
    output(Command::new(mkfs).args(["-n", "CIDATA"]).arg(&disk));
    let meta = format!("instance-id: i-1\nlocal-hostname: from-metadata\npublic-keys:\n  - {key}");
    for (name, text) in [("meta-data", meta.as_str()), ("user-data", "hello")] {
        let file = home.join(name);
        fs::write(&file, text).unwrap();
        output(
            Command::new("mcopy")
                .arg("-i")
                .args([&disk, &file])
                .arg(format!("::/{name}")),
        );
    }
    disk
}

#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
