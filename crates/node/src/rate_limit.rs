//! Token buckets (service-nodes 6.2), and places that are given back: per address, IPv4 by address and IPv6 by /64, or per node.
//! They live in memory only.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use zwiebel_crypto::keys::Ed25519Public;

/// How fast a bucket refills and how much it holds.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: f64,
    pub burst: f64,
}

/// Buckets of all that came lately.
#[derive(Debug)]
pub struct RateLimit<K> {
    rate: Rate,
    /// For this machine itself, where addresses are what is counted.
    loopback: Rate,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// Buckets kept; when all of them are in use, whoever comes new is refused.
const BUCKETS: usize = 10_000;
/// How much more this machine itself may ask: a whole network may run on it.
const LOOPBACK: Rate = Rate { per_second: 5_000.0, burst: 10_000.0 };

impl<K: Eq + Hash> RateLimit<K> {
    /// One bucket for everybody who has another key.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, loopback: LOOPBACK, buckets: Mutex::default() }
    }

    fn take(&self, key: K, rate: Rate) -> bool {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.refilled(self.rate, now) < self.rate.burst);
            if buckets.len() >= BUCKETS {
                return false;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { tokens: rate.burst, at: now });
        bucket.tokens = bucket.refilled(rate, now);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

impl RateLimit<IpAddr> {
    /// Limits by address.
    #[must_use]
    pub fn per_address(rate: Rate) -> Self {
        Self::new(rate)
    }

    /// Takes one token; false if there is none.
    pub fn allows(&self, address: IpAddr) -> bool {
        let rate = if address.is_loopback() { self.loopback } else { self.rate };
        self.take(bucket_of(address), rate)
    }
}

impl RateLimit<Ed25519Public> {
    /// Takes one token of a node; false if there is none.
    pub fn allows_node(&self, node: Ed25519Public) -> bool {
        self.take(node, self.rate)
    }
}

/// How many of something each address has at a time. The machine itself is not counted: a whole network may run on it.
#[derive(Debug)]
pub(crate) struct Places {
    limit: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

impl Places {
    /// So many for each address.
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, taken: Mutex::default() })
    }

    /// Takes one; none if the address has all it may have.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        if address.is_loopback() {
            return Some(Place { places: Arc::clone(self), address: None });
        }
        let address = bucket_of(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), address: Some(address) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&address);
            }
        }
    }
}

impl Bucket {
    fn refilled(&self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        passed.mul_add(rate.per_second, self.tokens).min(rate.burst)
    }
}

fn bucket_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Places::new(3);
        let one = IpAddr::from([192, 0, 2, 1]);
        let taken: Vec<Place> = (0..3).map(|_| places.enter(one).unwrap()).collect();
        assert!(places.enter(one).is_none());
        assert!(places.enter(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(taken);
        assert!(places.enter(one).is_some());
        assert!(places.taken.lock().unwrap().is_empty(), "nothing is remembered of those that left");
        let subnet = |last| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        let _taken: Vec<Place> = (0..3).map(|last| places.enter(subnet(last)).unwrap()).collect();
        assert!(places.enter(subnet(9)).is_none(), "a subnet counts as one address");
    }

    #[test]
    fn burst_is_allowed_and_then_refused_per_address() {
        let mut limit = RateLimit::per_address(Rate { per_second: 0.001, burst: 3.0 });
        limit.loopback = Rate { per_second: 0.001, burst: 5.0 };
        let one = IpAddr::from([192, 0, 2, 1]);
        assert_eq!((0..5).filter(|_| limit.allows(one)).count(), 3);
        assert!(limit.allows(IpAddr::from([192, 0, 2, 2])));
        assert_eq!((0..9).filter(|_| limit.allows(IpAddr::from([127, 0, 0, 1]))).count(), 5);
    }

    #[test]
    fn addresses_of_one_v6_subnet_share_a_bucket() {
        let limit = RateLimit::per_address(Rate { per_second: 0.001, burst: 1.0 });
        assert!(limit.allows(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1])));
        assert!(!limit.allows(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 2])));
    }

    #[test]
    fn a_flood_of_new_addresses_is_refused_and_takes_no_memory() {
        let limit = RateLimit::per_address(Rate { per_second: 0.001, burst: 2.0 });
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let admitted = (0x0800_0000..0x0800_0000 + 12_000).filter(|n| limit.allows(address(*n))).count();
        assert_eq!((admitted, limit.buckets.lock().map(|buckets| buckets.len()).ok()), (BUCKETS, Some(BUCKETS)));
    }
}
