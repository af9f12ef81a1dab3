//! Device events of the kernel.
//!
//! A message is `ACTION@DEVPATH`, then `KEY=VALUE` texts, each ended by a NUL.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

/// The multicast group of messages from the kernel itself (group 2 is udev's).
const FROM_KERNEL: u32 = 1;

/// A device event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uevent {
    /// `add`, `remove`, `change`, …
    pub action: String,
    /// Path below `/sys`.
    pub device: String,
    /// What a driver is found by, if the device has it.
    pub modalias: Option<String>,
    /// What kind of device it is: `block`, `net`, …
    pub subsystem: Option<String>,
}

impl Uevent {
    /// Reads a message; `None` if it is not one of the kernel's.
    pub fn parse(message: &[u8]) -> Option<Self> {
        let mut fields = message
            .split(|&byte| byte == 0)
            .filter_map(|field| std::str::from_utf8(field).ok());
        let (action, device) = fields.next()?.split_once('@')?;
        let mut event = Self {
            action: action.into(),
            device: device.into(),
            ..Self::default()
        };
        for (key, value) in fields.filter_map(|field| field.split_once('=')) {
            match key {
                "MODALIAS" => event.modalias = Some(value.into()),
                "SUBSYSTEM" => event.subsystem = Some(value.into()),
                _ => {}
            }
        }
        Some(event)
    }
}

/// A listener for device events.
#[derive(Debug)]
pub struct Uevents(OwnedFd);

impl Uevents {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            flags,
            Some(KOBJECT_UEVENT),
        )?;
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 1 << 20)?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, FROM_KERNEL))?;
        Ok(Self(socket))
    }

    /// Readable when an event waits.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next event that waits. Messages that are not understood are passed over.
    pub fn take(&self) -> Option<Uevent> {
        let mut buffer = [0_u8; 8192];
        loop {
            let (count, _) =
                rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::empty()).ok()?;
            if let Some(event) = Uevent::parse(&buffer[..count]) {
                return Some(event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_message_is_read_and_others_are_not() {
        let message = b"add@/devices/pci0/virtio1\0ACTION=add\0DEVPATH=/devices/pci0/virtio1\0\
            SUBSYSTEM=virtio\0MODALIAS=virtio:d00000001v00001AF4\0SEQNUM=941\0";
        assert_eq!(
            Uevent::parse(message),
            Some(Uevent {
                action: "add".into(),
                device: "/devices/pci0/virtio1".into(),
                modalias: Some("virtio:d00000001v00001AF4".into()),
                subsystem: Some("virtio".into()),
            })
        );
        assert_eq!(Uevent::parse(b"libudev\0\xfe\xed\xca\xfe"), None);
        assert_eq!(Uevent::parse(b""), None);
    }
}
