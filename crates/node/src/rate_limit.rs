//! A token bucket per address (service-nodes 6.2): IPv4 by address, IPv6 by /64. Addresses live in memory only.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

/// How fast a bucket refills and how much it holds.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    pub per_second: f64,
    pub burst: f64,
}

/// Buckets of all addresses seen lately.
#[derive(Debug)]
pub struct RateLimit {
    rate: Rate,
    loopback: Rate,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// Addresses kept; when full of active ones, new addresses are refused.
const ADDRESSES: usize = 10_000;

impl RateLimit {
    /// Limits with this rate, and with another one for this machine itself.
    #[must_use]
    pub fn new(rate: Rate, loopback: Rate) -> Self {
        Self { rate, loopback, buckets: Mutex::default() }
    }

    /// Takes one token; false if there is none.
    pub fn allows(&self, address: IpAddr) -> bool {
        let rate = if address.is_loopback() { self.loopback } else { self.rate };
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = bucket_of(address);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.refilled(rate, now) < rate.burst);
            if buckets.len() >= ADDRESSES {
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
mod tests {
    use super::*;

    #[test]
    fn burst_is_allowed_and_then_refused_per_address() {
        let slow = Rate { per_second: 0.001, burst: 3.0 };
        let limit = RateLimit::new(slow, Rate { per_second: 0.001, burst: 5.0 });
        let one = IpAddr::from([192, 0, 2, 1]);
        assert_eq!((0..5).filter(|_| limit.allows(one)).count(), 3);
        assert!(limit.allows(IpAddr::from([192, 0, 2, 2])));
        assert_eq!((0..9).filter(|_| limit.allows(IpAddr::from([127, 0, 0, 1]))).count(), 5);
    }

    #[test]
    fn addresses_of_one_v6_subnet_share_a_bucket() {
        let slow = Rate { per_second: 0.001, burst: 1.0 };
        let limit = RateLimit::new(slow, slow);
        assert!(limit.allows(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 1])));
        assert!(!limit.allows(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, 2])));
    }
}
