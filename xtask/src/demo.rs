//! `cargo xtask demo`: from one YAML to a page that a host of it serves.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};
use crate::steps::{cargo, length, run as run_program, seconds, step};
use crate::{root, setup, target, test};

const SPEC: &str = "examples/hello.yml";
/// Far more than a boot takes, also without KVM on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// Builds, boots, fetches, powers off, and says how long each took.
pub fn run() -> Result<()> {
    setup::programs()?;
    let began = Instant::now();
    let guest = test::guest_programs()?;
    step("build the tool", || {
        run_program(cargo().args(["build", "--quiet", "-p", "bedplate"]))
    })?;
    let bedplate = target()?.join("debug/bedplate");
    let out = target()?.join("demo");
    let mut build = Command::new(&bedplate);
    build
        .current_dir(root())
        .args(["build", SPEC, "--name", "hello", "-o"])
        .arg(&out);
    if is_ubuntu() {
        build.args(["--set", "KERNEL=linux-image-virtual"]);
    }
    build.env("BEDPLATE_GUEST_DIR", &guest);
    step(&format!("bedplate build {SPEC}"), || {
        run_program(&mut build)
    })?;
    for file in ["hello-kernel", "hello-initrd.img"] {
        println!("    {file}: {}", length(&out.join(file))?);
    }
    let port = free_port()?;
    let mut host = Running::start(&bedplate, &out, port)?;
    let page = step(
        &format!("boot, until http://localhost:{port}/ answers"),
        || host.fetch(port),
    )?;
    println!(
        "{}",
        indented(page.split("\r\n\r\n").nth(1).unwrap_or(&page))
    );
    step("power off", || host.power_off())?;
    println!("==> all of it took {}", seconds(began.elapsed()));
    println!(
        "    the console's text is in {}",
        out.join("console.log").display()
    );
    Ok(())
}

/// Ubuntu's kernel for virtual machines has another name than Debian's.
fn is_ubuntu() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line == "ID=ubuntu")
}

/// `bedplate run`, which is killed when this is dropped.
struct Running(Child);

impl Running {
    fn start(bedplate: &Path, out: &Path, port: u16) -> Result<Self> {
        let publish = format!("{port}:80");
        let console = format!("file:{}", out.join("console.log").display());
        let mut command = Command::new(bedplate);
        command.arg("run").arg(out).args([
            "--name",
            "hello",
            "--publish",
            &publish,
            "--console",
            &console,
        ]);
        println!("==> bedplate run --publish {publish}");
        Ok(Self(command.spawn().context("start `bedplate run`")?))
    }

    /// The page, as soon as there is one.
    fn fetch(&mut self, port: u16) -> Result<String> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Err(Error::from(format!(
                    "`bedplate run` ended ({status}) before the page came"
                )));
            }
            match get(port) {
                Ok(answer) if answer.starts_with("HTTP/1.") && answer.contains(" 200 ") => {
                    return Ok(answer);
                }
                _ if began.elapsed() > DEADLINE => {
                    return Err(Error::from("no page came".to_owned()));
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// As Ctrl-C does it.
    fn power_off(&mut self) -> Result<()> {
        let interrupt = format!("kill -INT {}", self.0.id());
        run_program(Command::new("sh").args(["-c", &interrupt]))?;
        let status = self.0.wait()?;
        // 130: interrupted, and the host went down cleanly.
        match status.code() {
            Some(130) => Ok(()),
            _ => Err(Error::from(format!(
                "the host did not go down cleanly ({status})"
            ))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, unless a step failed.
        let _ = (self.0.kill(), self.0.wait());
    }
}

fn get(port: u16) -> std::io::Result<String> {
    let limit = Some(Duration::from_secs(2));
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(limit)?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.port())
}

fn indented(text: &str) -> String {
    text.trim_end()
        .lines()
        .map(|line| format!("    | {line}\n"))
        .collect::<String>()
        .trim_end()
        .to_owned()
}
