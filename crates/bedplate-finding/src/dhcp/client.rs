//! A client on one link: what to send, and when.

use std::time::Duration;

use super::packet::{self, Answer, Kind, Lease};
use crate::address::HardwareAddress;

/// Requests for one offer, before it is looked for another.
const REQUESTS: u32 = 4;
/// The longest pause, in seconds.
const LONGEST_PAUSE: u64 = 16;

/// Asks for an address on one link. Times count from any beginning, the same in each call.
#[derive(Debug)]
pub struct Client {
    hardware: HardwareAddress,
    class: String,
    transaction: u32,
    state: State,
    started: Duration,
    due: Duration,
    sent: u32,
}

#[derive(Debug)]
enum State {
    Selecting,
    Requesting(Lease),
}

impl Client {
    /// Begins now. `transaction` should differ between machines and boots; `class` says what kind of client
    /// this is (option 60).
    pub fn new(hardware: HardwareAddress, class: &str, transaction: u32, now: Duration) -> Self {
        Self {
            hardware,
            class: class.to_owned(),
            transaction,
            state: State::Selecting,
            started: now,
            due: now,
            sent: 0,
        }
    }

    /// When [`poll`](Self::poll) next has something to send.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// What is to be sent now, to everybody.
    pub fn poll(&mut self, now: Duration) -> Option<Vec<u8>> {
        if now < self.due {
            return None;
        }
        if self.sent >= REQUESTS && matches!(self.state, State::Requesting(_)) {
            (self.state, self.sent) = (State::Selecting, 0);
        }
        let pause = Duration::from_secs((1 << self.sent.min(8)).min(LONGEST_PAUSE));
        // Machines that were switched on together should not ask together for ever.
        self.due = now + pause + Duration::from_millis(u64::from(self.transaction % 997));
        self.sent += 1;
        let (kind, wanted) = match &self.state {
            State::Selecting => (Kind::Discover, None),
            State::Requesting(lease) => {
                let address = lease.interface.address.map(|(address, _)| address);
                (
                    Kind::Request,
                    address.map(|address| (address, lease.server)),
                )
            }
        };
        let seconds = now.saturating_sub(self.started).as_secs();
        Some(packet::render(
            kind,
            self.hardware,
            self.transaction,
            u16::try_from(seconds).unwrap_or(u16::MAX),
            &self.class,
            wanted,
        ))
    }

    /// Takes a message that came. A lease is the end of it.
    pub fn receive(&mut self, bytes: &[u8], now: Duration) -> Option<Lease> {
        let Answer { kind, lease } = packet::parse(bytes, self.hardware, self.transaction)?;
        match (kind, &self.state) {
            (Kind::Offer, State::Selecting) if lease.interface.address.is_some() => {
                (self.state, self.sent, self.due) = (State::Requesting(lease), 0, now);
                None
            }
            (Kind::Ack, State::Requesting(offer)) if offer.server == lease.server => {
                lease.interface.address.is_some().then_some(lease)
            }
            (Kind::Nak, State::Requesting(_)) => {
                (self.state, self.sent, self.due) =
                    (State::Selecting, 1, now + Duration::from_secs(1));
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::{HARDWARE, answer};
    use super::*;

    fn client() -> Client {
        Client::new(HARDWARE, "test", 997 * 7, Duration::ZERO)
    }

    const TRANSACTION: u32 = 997 * 7;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The message type of what is sent.
    fn sent(client: &mut Client, seconds: u64) -> Option<u8> {
        client.poll(at(seconds)).map(|bytes| bytes[242])
    }

    #[test]
    fn an_offer_is_requested_and_the_answer_is_the_lease() {
        let mut client = client();
        assert_eq!(sent(&mut client, 0), Some(1));
        assert_eq!(sent(&mut client, 0), None);
        let offer = answer(Kind::Offer, TRANSACTION, &[]);
        assert_eq!(client.receive(&offer, at(0)), None);
        assert_eq!(sent(&mut client, 0), Some(3));
        let ack = answer(Kind::Ack, TRANSACTION, &[]);
        assert!(client.receive(&ack, at(0)).is_some());
    }

    #[test]
    fn silence_makes_it_ask_again_ever_more_slowly() {
        let mut client = client();
        let times: Vec<u64> = (0..80)
            .filter(|&now| sent(&mut client, now).is_some())
            .collect();
        assert_eq!(times, [0, 1, 3, 7, 15, 31, 47, 63, 79]);
    }

    #[test]
    fn an_offer_that_is_not_kept_is_given_up() {
        let mut client = client();
        sent(&mut client, 0);
        client.receive(&answer(Kind::Offer, TRANSACTION, &[]), at(0));
        let kinds: Vec<u8> = (0..20).filter_map(|now| sent(&mut client, now)).collect();
        assert_eq!(kinds, [3, 3, 3, 3, 1, 1, 1]);
        client.receive(&answer(Kind::Offer, TRANSACTION, &[]), at(20));
        client.receive(&answer(Kind::Nak, TRANSACTION, &[]), at(20));
        assert_eq!(sent(&mut client, 20), None);
        assert_eq!(sent(&mut client, 21), Some(1));
    }

    #[test]
    fn an_answer_nobody_asked_for_is_no_lease() {
        let mut client = client();
        let ack = answer(Kind::Ack, TRANSACTION, &[]);
        assert_eq!(client.receive(&ack, at(0)), None);
        assert_eq!(client.receive(&[0; 400], at(0)), None);
    }
}
