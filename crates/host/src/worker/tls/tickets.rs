//! Session tickets (RFC 5077, RFC 8446 §4.6.1) that every worker of a generation understands.
//!
//! A client may come back to another worker than the one that gave it a ticket. So that they need
//! not talk to each other, all inherit one secret from their master and replace it by its hash at
//! the same moments: each has the same key at the same time, and nobody can go back from a secret
//! to the one before it. A ticket lives for one such period and, with the key before, for one more.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// How long one key makes tickets.
pub(super) const PERIOD: Duration = Duration::from_hours(6);
const ID_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// The keys of a generation.
pub(super) struct Ratchet {
    /// Of the monotonic clock, which processes share.
    started: Instant,
    keys: Mutex<Keys>,
}

struct Keys {
    period: u64,
    secret: [u8; SECRET_BYTES],
    current: Key,
    previous: Option<Key>,
}

struct Key {
    /// Names the key in a ticket.
    id: [u8; ID_BYTES],
    cipher: LessSafeKey,
}

/// What one listener makes tickets with. A ticket of one is none of another: it stands for the
/// client's certificate, which another may check by other authorities, or ask for at all.
pub(super) struct Tickets {
    pub(super) ratchet: Arc<Ratchet>,
    /// A digest of what the listener asks of its clients.
    pub(super) context: [u8; SECRET_BYTES],
}

impl Ratchet {
    /// With a new secret; none if the kernel has no random numbers.
    pub(super) fn new(now: Instant) -> Option<Self> {
        let mut secret = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut secret).ok()?;
        let keys = Keys {
            period: 0,
            current: Key::of(&secret)?,
            secret,
            previous: None,
        };
        Some(Self {
            started: now,
            keys: Mutex::new(keys),
        })
    }

    fn with_keys<T>(&self, now: Instant, work: impl FnOnce(&Keys) -> T) -> T {
        // A panic leaves keys that are whole.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now.saturating_duration_since(self.started);
        keys.advance(age.as_secs() / PERIOD.as_secs());
        work(&keys)
    }

    fn seal(&self, now: Instant, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        self.with_keys(now, |keys| {
            let key = &keys.current;
            let mut sealed = plain.to_vec();
            let aad = Aad::from([&key.id[..], context].concat());
            let nonce_value = Nonce::assume_unique_for_key(nonce);
            let cipher = &key.cipher;
            cipher
                .seal_in_place_append_tag(nonce_value, aad, &mut sealed)
                .ok()?;
            Some([&key.id[..], &nonce, &sealed].concat())
        })
    }

    fn open(&self, now: Instant, context: &[u8], ticket: &[u8]) -> Option<Vec<u8>> {
        let (id, rest) = ticket.split_first_chunk::<ID_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        self.with_keys(now, |keys| {
            let mut known = std::iter::once(&keys.current).chain(&keys.previous);
            let key = known.find(|key| key.id == *id)?;
            let aad = Aad::from([id, context].concat());
            let mut sealed = sealed.to_vec();
            let plain = key
                .cipher
                .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut sealed)
                .ok()?;
            Some(plain.to_vec())
        })
    }
}

impl Keys {
    fn advance(&mut self, period: u64) {
        while self.period < period {
            self.period += 1;
            self.secret = derived(&self.secret, b"next");
            if let Some(key) = Key::of(&self.secret) {
                self.previous = Some(std::mem::replace(&mut self.current, key));
            }
        }
    }
}

impl Key {
    fn of(secret: &[u8; SECRET_BYTES]) -> Option<Self> {
        let id = derived(secret, b"id");
        let key = derived(secret, b"key");
        Some(Self {
            id: *id.first_chunk()?,
            cipher: LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?),
        })
    }
}

fn derived(secret: &[u8; SECRET_BYTES], purpose: &[u8]) -> [u8; SECRET_BYTES] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose);
    let mut bytes = [0; SECRET_BYTES];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

impl Tickets {
    pub(super) fn seal(&self, now: Instant, plain: &[u8]) -> Option<Vec<u8>> {
        self.ratchet.seal(now, &self.context, plain)
    }

    pub(super) fn open(&self, now: Instant, ticket: &[u8]) -> Option<Vec<u8>> {
        self.ratchet.open(now, &self.context, ticket)
    }
}

// Neither shows a secret.
impl fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ratchet").finish_non_exhaustive()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tickets(ratchet: &Arc<Ratchet>, context: u8) -> Tickets {
        Tickets {
            ratchet: Arc::clone(ratchet),
            context: [context; SECRET_BYTES],
        }
    }

    /// What a fork makes of it: the same secret, and from then on nothing in common.
    fn forked(ratchet: &Ratchet) -> Arc<Ratchet> {
        let keys = ratchet.keys.lock().unwrap();
        Arc::new(Ratchet {
            started: ratchet.started,
            keys: Mutex::new(Keys {
                period: keys.period,
                secret: keys.secret,
                current: Key::of(&keys.secret).unwrap(),
                previous: None,
            }),
        })
    }

    #[test]
    fn workers_understand_each_other_for_as_long_as_a_ticket_lives() {
        let start = Instant::now();
        for hours in [0, 5, 6, 13, 100] {
            let one = Arc::new(Ratchet::new(start).unwrap());
            let other = forked(&one);
            let (one, other) = (tickets(&one, 0), tickets(&other, 0));
            let now = start + Duration::from_hours(hours);
            let ticket = one.seal(now, b"session").unwrap();
            let later = now + PERIOD;
            assert_eq!(other.open(later, &ticket).as_deref(), Some(&b"session"[..]));
            assert_eq!(one.open(later + PERIOD, &ticket), None, "{hours}");
        }
    }

    #[test]
    fn a_ticket_is_good_for_its_own_listener_only() {
        let now = Instant::now();
        let ratchet = Arc::new(Ratchet::new(now).unwrap());
        let ticket = tickets(&ratchet, 0).seal(now, b"session").unwrap();
        assert_eq!(tickets(&ratchet, 1).open(now, &ticket), None);
        let stranger = Arc::new(Ratchet::new(now).unwrap());
        assert_eq!(tickets(&stranger, 0).open(now, &ticket), None);
    }

    #[test]
    fn what_is_no_ticket_is_refused() {
        let now = Instant::now();
        let tickets = tickets(&Arc::new(Ratchet::new(now).unwrap()), 0);
        let ticket = tickets.seal(now, b"session").unwrap();
        for length in 0..ticket.len() {
            assert_eq!(tickets.open(now, &ticket[..length]), None, "{length}");
        }
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(tickets.open(now, &changed), None, "{place}");
        }
    }
}
