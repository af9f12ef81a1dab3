//! Any bytes are answered: nothing that a stranger sends ends in a panic, or in more memory than it sent.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Cursor, Read};
use std::net::Ipv4Addr;
use std::time::Duration;

use bedplate_finding::address::Addressing;
use bedplate_finding::dhcp::Client;
use bedplate_finding::http::{Body, Head, Url};
use bedplate_finding::{machine, media, pool};
use proptest::prelude::*;

const HARDWARE: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const TRANSACTION: u32 = 7;

/// A reply that gets past the header, with any options.
fn reply(options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[0] = 2;
    bytes[4..8].copy_from_slice(&TRANSACTION.to_be_bytes());
    bytes[16..20].copy_from_slice(&[10, 0, 2, 15]);
    bytes[28..34].copy_from_slice(&HARDWARE);
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend(options);
    bytes
}

fn option(code: u8, value: &[u8]) -> Vec<u8> {
    [&[code, value.len() as u8], value].concat()
}

proptest! {
    #[test]
    fn any_datagram_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut client = Client::new(HARDWARE, "x", TRANSACTION, Duration::ZERO);
        client.poll(Duration::ZERO);
        for kind in [2, 5, 6] {
            let options = [option(53, &[kind]), option(54, &[10, 0, 2, 2]), bytes.clone()].concat();
            client.receive(&reply(&options), Duration::ZERO);
        }
        client.receive(&bytes, Duration::ZERO);
    }

    #[test]
    fn the_address_of_the_offer_is_the_address_of_the_lease(
        octets in any::<[u8; 4]>(), length in 1_u8..=32, mtu in 576_u16..,
    ) {
        prop_assume!(octets != [0; 4]);
        let mask = u32::MAX << (32 - length);
        let offer = |kind: u8| {
            let mut bytes = reply(&[
                option(53, &[kind]),
                option(54, &[10, 0, 2, 2]),
                option(1, &mask.to_be_bytes()),
                option(26, &mtu.to_be_bytes()),
                vec![255],
            ].concat());
            bytes[16..20].copy_from_slice(&octets);
            bytes
        };
        let mut client = Client::new(HARDWARE, "x", TRANSACTION, Duration::ZERO);
        client.poll(Duration::ZERO);
        prop_assert_eq!(client.receive(&offer(2), Duration::ZERO), None);
        client.poll(Duration::ZERO).unwrap();
        let lease = client.receive(&offer(5), Duration::ZERO).unwrap();
        prop_assert_eq!(lease.interface.address, Some((Ipv4Addr::from(octets), length)));
        prop_assert_eq!(lease.interface.mtu, Some(mtu));
    }

    #[test]
    fn any_answer_of_a_server_is_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for prefix in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            let all = [prefix.as_bytes(), &bytes].concat();
            if let Ok(Some((head, len))) = Head::parse(&all) {
                let mut out = Vec::new();
                let _ = Body::new(&head, &all[len..]).read_to_end(&mut out);
                prop_assert!(out.len() <= all.len());
            }
        }
    }

    #[test]
    fn a_body_is_the_same_however_it_is_cut_into_chunks(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10),
    ) {
        let mut sent: Vec<u8> = parts.iter().flat_map(|part| {
            [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat()
        }).collect();
        sent.extend(b"0\r\n\r\n");
        let head = Head { chunked: true, ..Head::default() };
        let mut out = Vec::new();
        Body::new(&head, sent.as_slice()).read_to_end(&mut out).unwrap();
        prop_assert_eq!(out, parts.concat());
    }

    #[test]
    fn urls_that_read_read_back(text in "(https?://)?[a-z0-9.:\\[\\]/?#%@ -]{0,40}") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert_eq!(Url::parse(&url.to_string()), Ok(url.clone()));
            let _ = url.join(&text).map(|url| url.beside("x").with_ending(".sig"));
        }
    }

    #[test]
    fn any_word_is_answered(text in "\\PC{0,60}") {
        let _ = Addressing::parse(Some(&text), Some(&text));
        let _ = Url::parse(&format!("http://{text}"));
        machine::memory(&text);
        machine::hostid(&text);
        pool::datasets(&text);
        let _ = pool::system_pool(&text, &[]);
        media::root_hash_guids(&text);
    }

    #[test]
    fn any_medium_is_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..4096), number in 0..2000_u32) {
        media::identify(&bytes);
        let mut disk = [vec![0; 512], b"EFI PART".to_vec(), bytes.clone()].concat();
        let _ = media::partition_guid(&mut Cursor::new(&disk), 512, number);
        disk.resize(1024, 0);
        let block: [u8; 512] = disk[512..1024].try_into().unwrap();
        let _ = media::Superblock::parse(&block, 4096);
    }
}
