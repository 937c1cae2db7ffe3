//! The compact node list of newer nodes (service-nodes 3.10): records of 51 bytes, nothing around them.

use std::net::Ipv4Addr;

use thiserror::Error;
use zwiebel_crypto::keys::Ed25519Public;

use crate::swarm::SwarmId;

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveNode {
    pub ed25519: Ed25519Public,
    pub swarm: SwarmId,
    pub ip: Ipv4Addr,
    pub https_port: u16,
    /// OMQ and QUIC.
    pub omq_port: u16,
    pub version: [u8; 3],
}

/// The length of one record.
pub const RECORD: usize = 51;

/// Not a whole number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the list does not consist of whole records")]
pub struct RecordsError;

/// Writes a list.
#[must_use]
pub fn encode(nodes: &[ActiveNode]) -> Vec<u8> {
    nodes.iter().flat_map(ActiveNode::to_bytes).collect()
}

/// Reads a list.
///
/// # Errors
/// [`RecordsError`].
pub fn decode(bytes: &[u8]) -> Result<Vec<ActiveNode>, RecordsError> {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(RecordsError);
    }
    records.iter().map(|record| ActiveNode::from_bytes(record).ok_or(RecordsError)).collect()
}

impl ActiveNode {
    fn to_bytes(&self) -> Vec<u8> {
        [
            self.ed25519.0.as_slice(),
            &self.swarm.0.to_be_bytes(),
            &self.ip.octets(),
            &self.https_port.to_be_bytes(),
            &self.omq_port.to_be_bytes(),
            &self.version,
        ]
        .concat()
    }

    fn from_bytes(record: &[u8; RECORD]) -> Option<Self> {
        let (ed25519, rest) = record.split_first_chunk::<32>()?;
        let (swarm, rest) = rest.split_first_chunk::<8>()?;
        let (ip, rest) = rest.split_first_chunk::<4>()?;
        let (https_port, rest) = rest.split_first_chunk::<2>()?;
        let (omq_port, version) = rest.split_first_chunk::<2>()?;
        Some(Self {
            ed25519: Ed25519Public(*ed25519),
            swarm: SwarmId(u64::from_be_bytes(*swarm)),
            ip: Ipv4Addr::from(*ip),
            https_port: u16::from_be_bytes(*https_port),
            omq_port: u16::from_be_bytes(*omq_port),
            version: version.try_into().ok()?,
        })
    }
}
