//! Any bytes as an answer of a DHCP server and of a web server: answered without a panic, and no longer than they are.

#![no_main]

use std::io::Read;
use std::time::Duration;

use bedplate_finding::dhcp::Client;
use bedplate_finding::http::{Body, Head, Url};
use libfuzzer_sys::fuzz_target;

const HARDWARE: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fuzz_target!(|bytes: &[u8]| {
    let mut client = Client::new(HARDWARE, "fuzz", 7, Duration::ZERO);
    client.poll(Duration::ZERO);
    // The header that gets a message past the first look.
    let mut message = vec![0; 240];
    message[0] = 2;
    message[7] = 7;
    message[16..20].copy_from_slice(&[10, 0, 2, 15]);
    message[28..34].copy_from_slice(&HARDWARE);
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    for kind in [2, 5] {
        let answer = [&message[..], &[53, 1, kind, 54, 4, 10, 0, 2, 2], bytes].concat();
        if let Some(lease) = client.receive(&answer, Duration::ZERO) {
            let (_, prefix) = lease.interface.address.unwrap();
            assert!(prefix <= 32 && lease.interface.routes.iter().all(|route| route.1 <= 32));
        }
        client.poll(Duration::ZERO);
    }
    if let Ok(Some((head, len))) = Head::parse(bytes) {
        let mut body = Vec::new();
        let _ = Body::new(&head, &bytes[len..]).read_to_end(&mut body);
        assert!(body.len() <= bytes.len());
        if let Some(location) = &head.location {
            let here = Url::parse("http://example.org/a/b").unwrap();
            if let Ok(url) = here.join(location) {
                assert_eq!(Url::parse(&url.to_string()), Ok(url));
            }
        }
    }
});
