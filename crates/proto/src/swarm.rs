//! Swarms: which nodes hold which account's messages (service-nodes 5.1).

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::sorted::sort;

pub mod assignment;
mod mt19937_64;

/// A swarm's id, a place on the ring of 64-bit numbers. As text: lower-case hex without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwarmId(pub u64);

/// Not a swarm id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a swarm id has 1 to 16 hex digits")]
pub struct SwarmIdError;

impl SwarmId {
    /// Nodes in no swarm.
    pub const UNASSIGNED: Self = Self(u64::MAX);
}

/// Where an account stands on the ring: its 32 key bytes, without the prefix byte, as four big-endian words, xored.
#[must_use]
pub fn position(key: &[u8; 32]) -> u64 {
    key.as_chunks::<8>().0.iter().fold(0, |position, word| position ^ u64::from_be_bytes(*word))
}

/// The swarm nearest to this position, around the ring; in the exact middle the one below. `None` if there is none.
#[must_use]
pub fn nearest(ids: &[SwarmId], position: u64) -> Option<SwarmId> {
    let mut ids: Vec<u64> = ids.iter().filter(|id| **id != SwarmId::UNASSIGNED).map(|id| id.0).collect();
    sort(&mut ids);
    let at = ids.partition_point(|id| *id < position);
    let right = *ids.get(at).or_else(|| ids.first())?;
    let left = *at.checked_sub(1).and_then(|before| ids.get(before)).or_else(|| ids.last())?;
    let to_right = right.wrapping_sub(position);
    let to_left = position.wrapping_sub(left);
    Some(SwarmId(if to_right < to_left { right } else { left }))
}

impl fmt::Display for SwarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for SwarmId {
    type Err = SwarmIdError;

    fn from_str(text: &str) -> Result<Self, SwarmIdError> {
        if text.len() > 16 || text.starts_with('+') {
            return Err(SwarmIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| SwarmIdError)
    }
}

#[cfg(test)]
mod tests;
