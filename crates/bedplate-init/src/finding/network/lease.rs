//! An address for the time of the boot.
//!
//! It is taken away again before the root is entered: nothing of the root needs it, and what configures the
//! network there (systemd-networkd drops addresses that it did not set) begins with links as they were found.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use bedplate_boot::CommandLine;
use bedplate_finding::address::{Addressing, Interface, Links};
use bedplate_finding::dhcp::{CLIENT_PORT, Client, Lease, SERVER_PORT};
use bedplate_sys::machine as system;
use bedplate_sys::netlink::addresses::{self, Route};
use bedplate_sys::netlink::links::{self as netlink, LinkChanges};
use bedplate_sys::polling::{self, Interest};
use bedplate_sys::sockets;

use super::links::{self, Link};
use crate::console;
use crate::finding::devices::Devices;
use crate::finding::stopping::Stop;

/// How long to wait for an address, in seconds, unless the command line says: a switch that looks for loops
/// takes 30 to 50 s.
const WAIT: u64 = 90;
const KEPT_LEASE: &str = "/run/bedplate/lease.json";
/// What DHCP servers of fleets answer to: a booter answers clients of this kind only. The
/// architecture follows.
const CLASS: &str = "PXEClient.Linux.";

/// The network as long as it is needed.
#[derive(Debug)]
pub struct Network {
    link: String,
    interface: Interface,
    up: Vec<String>,
}

/// Gets an address, as the command line says.
pub fn obtain(devices: &mut Devices, line: &CommandLine) -> Result<Network, Stop> {
    let addressing = Addressing::parse(line.ip.as_deref(), line.boot_interface.as_deref())
        .map_err(|error| Stop::because("cannot set up the network", error))?;
    let (allowed, known) = match addressing {
        Addressing::Dhcp(allowed) => (allowed, None),
        Addressing::Static(allowed, interface) => (allowed, Some(interface)),
        Addressing::Off => {
            return Err(Stop::new(
                "the root lies at a server, and `ip=` on the kernel command line forbids the network",
            ));
        }
    };
    let seconds = line.wait.unwrap_or(WAIT);
    let cannot = |error: io::Error| Stop::because("cannot set up the network", error);
    let mut search = Search::new(allowed).map_err(cannot)?;
    let until = system::uptime() + Duration::from_secs(seconds);
    let found = search.run(devices, known.as_ref(), until).map_err(cannot)?;
    let Some((link, lease)) = found else {
        let what = match known {
            Some(_) => "no link for the address came up",
            None => "no DHCP server gave an address",
        };
        return Err(Stop::new(format!(
            "{what} within {seconds} s; there are {}",
            links::listed(&links::present())
        )));
    };
    let interface = match (&lease, known) {
        (Some(lease), _) => lease.interface.clone(),
        (None, known) => known.unwrap_or_default(),
    };
    apply(&link, &interface)
        .map_err(|error| Stop::because(format!("cannot set the address of `{link}`"), error))?;
    keep(&link, &interface, lease.as_ref());
    if let Some(name) = &interface.hostname
        && let Err(error) = system::set_hostname(name)
    {
        console::warn(format_args!("set the host name `{name}`"), &error);
    }
    Ok(Network {
        link,
        interface,
        up: search.up.into_iter().map(|link| link.name).collect(),
    })
}

impl Network {
    /// Leaves the links as they were found.
    pub fn leave(self) {
        let removed = self.interface.address.map_or(Ok(()), |(address, prefix)| {
            addresses::remove(&self.link, address, prefix)
        });
        let down = self.up.iter().map(|name| netlink::set_down(name));
        if let Err(error) = removed.and(down.collect::<io::Result<()>>()) {
            console::warn("leave the network", &error);
        }
    }
}

/// Looks for a link that can be used.
struct Search {
    allowed: Links,
    changes: LinkChanges,
    /// Links that were set up.
    up: Vec<Link>,
    /// Links with carrier, on which is asked.
    asking: Vec<(String, UdpSocket, Client)>,
}

type Found = Option<(String, Option<Lease>)>;

impl Search {
    fn new(allowed: Links) -> io::Result<Self> {
        Ok(Self {
            allowed,
            changes: LinkChanges::listen()?,
            up: Vec::new(),
            asking: Vec::new(),
        })
    }

    /// The first link that comes up, if an address is `known`; else the first on which a server gives one.
    fn run(
        &mut self,
        devices: &mut Devices,
        known: Option<&Interface>,
        until: Duration,
    ) -> io::Result<Found> {
        loop {
            self.set_links_up();
            let carrying = self.up.iter().find(|link| netlink::has_carrier(&link.name));
            if let (Some(_), Some(link)) = (known, carrying) {
                return Ok(Some((link.name.clone(), None)));
            }
            if known.is_none() {
                self.ask()?;
                if let Some(found) = self.hear() {
                    return Ok(Some(found));
                }
            }
            let now = system::uptime();
            if now >= until {
                return Ok(None);
            }
            let due = self.asking.iter().map(|(_, _, client)| client.due()).min();
            let pause = due.unwrap_or(until).min(until).saturating_sub(now);
            let mut waited = vec![
                (devices.descriptor(), Interest::Read),
                (self.changes.descriptor(), Interest::Read),
            ];
            let sockets = self.asking.iter().map(|(_, socket, _)| socket.as_fd());
            waited.extend(sockets.map(|socket| (socket, Interest::Read)));
            polling::wait(&waited, Some(pause))?;
            devices.take_events();
            self.changes.clear();
        }
    }

    fn set_links_up(&mut self) {
        for link in links::present() {
            if self.up.contains(&link) || !links::is_allowed(&link, &self.allowed) {
                continue;
            }
            match netlink::set_up(&link.name) {
                Ok(()) => self.up.push(link),
                Err(error) => console::warn(format_args!("set `{}` up", link.name), &error),
            }
        }
    }

    /// Sends what is due.
    fn ask(&mut self) -> io::Result<()> {
        let now = system::uptime();
        for link in &self.up {
            let asked = self.asking.iter().any(|(name, _, _)| *name == link.name);
            if !asked && netlink::has_carrier(&link.name) {
                let socket = sockets::broadcast_on(&link.name, CLIENT_PORT)?;
                let class = format!("{CLASS}{}", std::env::consts::ARCH);
                let client = Client::new(link.hardware, &class, transaction()?, now);
                self.asking.push((link.name.clone(), socket, client));
            }
        }
        for (_, socket, client) in &mut self.asking {
            if let Some(message) = client.poll(now) {
                // What does not get out is sent again.
                let _ = socket.send_to(&message, (Ipv4Addr::BROADCAST, SERVER_PORT));
            }
        }
        Ok(())
    }

    /// Takes what came. An offer is answered at once, by the next round.
    fn hear(&mut self) -> Option<(String, Option<Lease>)> {
        let mut buffer = [0; 2048];
        for (name, socket, client) in &mut self.asking {
            while let Ok(count) = socket.recv(&mut buffer) {
                if let Some(lease) = client.receive(&buffer[..count], system::uptime()) {
                    return Some((name.clone(), Some(lease)));
                }
            }
        }
        None
    }
}

/// A number that differs between machines and boots.
fn transaction() -> io::Result<u32> {
    let mut bytes = [0; 4];
    system::random(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

fn apply(link: &str, interface: &Interface) -> io::Result<()> {
    if let Some(mtu) = interface.mtu {
        netlink::set_mtu(link, mtu.into())?;
    }
    let Some((address, prefix)) = interface.address else {
        return Ok(());
    };
    addresses::add(link, address, prefix)?;
    let network = |of: Ipv4Addr| u64::from(of.to_bits()) >> (32 - prefix);
    for &(destination, length, router) in &interface.routes {
        let gateway = Some(router).filter(|router| !router.is_unspecified());
        // A router outside the network is on the link all the same (a prefix of 32, say).
        if let Some(router) = gateway.filter(|router| network(*router) != network(address)) {
            let on_link = Route {
                destination: (router, 32),
                gateway: None,
            };
            addresses::set_route(link, on_link)?;
        }
        let route = Route {
            destination: (destination, length),
            gateway,
        };
        addresses::set_route(link, route)?;
    }
    let domain = interface
        .domain
        .iter()
        .map(|domain| format!("search {domain}\n"));
    let servers = interface
        .dns
        .iter()
        .map(|server| format!("nameserver {server}\n"));
    fs::create_dir_all("/etc")?;
    fs::write(
        "/etc/resolv.conf",
        domain.chain(servers).collect::<String>(),
    )
}

/// Tells the root how the image was fetched. Nothing depends on it.
fn keep(link: &str, interface: &Interface, lease: Option<&Lease>) {
    let Some((address, prefix)) = interface.address else {
        return;
    };
    console::say(format_args!("{link} has the address {address}/{prefix}"));
    let facts = serde_json::json!({
        "link": link,
        "interface": interface,
        "server": lease.map(|lease| lease.server),
        "seconds": lease.and_then(|lease| lease.seconds),
    });
    if let Err(error) = fs::write(KEPT_LEASE, format!("{facts:#}\n")) {
        console::warn(format_args!("write `{KEPT_LEASE}`"), &error);
    }
}
