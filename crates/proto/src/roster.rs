//! Who is a service node of a self-hosted network: a list with signatures, and the nodes' own signed words on where they are.
//!
//! [`SignedRoster`] is a list and signatures over its exact text. Today the signers are the keys of the network's operator;
//! a certificate of a registry chain has the same shape with signers that follow from stake. [`SignedProof`] is a node's
//! uptime proof: address and time under its own key. Knows nothing of how either travels or is stored.

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::Ed25519Secret;

use crate::sorted::sort;

const ROSTER_DOMAIN: &[u8] = b"zwiebel roster v1\0";
const PROOF_DOMAIN: &[u8] = b"zwiebel uptime proof v1\0";

/// How long an uptime proof counts, ms: one interval of an hour, and one more that may fail (2 h 05 min).
pub const PROOF_LIFE: i64 = 125 * 60 * 1000;
/// How far ahead of our clock a proof may be, ms.
pub const PROOF_AHEAD: i64 = 5 * 60 * 1000;
/// Most nodes of one roster.
pub const MAX_NODES: usize = 10_000;

/// Why a roster or a proof is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RosterError {
    #[error("the text is not in the expected format")]
    Format,
    #[error("too few of the trusted keys have signed")]
    Signatures,
    #[error("it belongs to another network")]
    Network,
    #[error("it is too old or from the future")]
    Time,
}

/// The members of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Stable id of the network.
    pub network: String,
    /// For people.
    pub name: String,
    /// Grows with every change; nobody goes back to a lower one.
    pub serial: u64,
    /// When it was signed, Unix ms.
    pub at: i64,
    /// In the order of their keys.
    pub nodes: Vec<RosterNode>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterNode {
    /// 64 lower-case hex digits.
    pub ed25519: String,
    /// Swarm id, lower-case hex without leading zeros.
    pub swarm: String,
    /// Serial of the roster that first had it.
    pub since: u64,
}

/// A roster as it travels. The signatures cover the text as it stands here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedRoster {
    /// JSON of a [`Roster`].
    pub roster: String,
    pub signatures: Vec<RosterSignature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterSignature {
    /// Ed25519, 64 hex digits.
    pub key: String,
    /// 128 hex digits.
    pub signature: String,
}

/// Whose signatures count, and how many of them it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signers {
    pub keys: Vec<Ed25519Public>,
    pub threshold: usize,
}

impl Signers {
    /// One key decides.
    #[must_use]
    pub fn one(key: Ed25519Public) -> Self {
        Self { keys: vec![key], threshold: 1 }
    }

    /// The network that these signers make, as an id: a client cannot confuse two networks with different signers.
    #[must_use]
    pub fn network_id(&self) -> String {
        let mut keys: Vec<[u8; 32]> = self.keys.iter().map(|key| key.0).collect();
        sort(&mut keys);
        let threshold = u32::try_from(self.threshold).unwrap_or(u32::MAX).to_le_bytes();
        format!("own-{}", hex::encode(blake2b::<8>(&[ROSTER_DOMAIN, &threshold, &keys.concat()])))
    }
}

impl SignedRoster {
    /// Signs a roster with these keys.
    ///
    /// # Errors
    /// If it cannot be written as text.
    pub fn sign(roster: &Roster, keys: &[&Ed25519Secret]) -> Result<Self, RosterError> {
        let roster = serde_json::to_string(roster).map_err(|_| RosterError::Format)?;
        let text = signed_text(ROSTER_DOMAIN, &roster);
        let signatures = keys
            .iter()
            .map(|key| RosterSignature { key: hex::encode(key.public().0), signature: hex::encode(key.sign(&text)) })
            .collect();
        Ok(Self { roster, signatures })
    }

    /// The roster, if enough of these signers have signed it and it is theirs.
    ///
    /// # Errors
    /// If not.
    pub fn verify(&self, signers: &Signers) -> Result<Roster, RosterError> {
        let text = signed_text(ROSTER_DOMAIN, &self.roster);
        let signed = signers.keys.iter().filter(|key| {
            let name = hex::encode(key.0);
            self.signatures.iter().any(|one| {
                one.key == name && array::<64>(&one.signature).is_some_and(|signature| key.verify(&text, &signature))
            })
        });
        if signed.count() < signers.threshold.max(1) {
            return Err(RosterError::Signatures);
        }
        let roster: Roster = serde_json::from_str(&self.roster).map_err(|_| RosterError::Format)?;
        if roster.network != signers.network_id() {
            return Err(RosterError::Network);
        }
        let sorted = roster.nodes.is_sorted_by(|a, b| a.ed25519 < b.ed25519);
        let readable = roster.nodes.iter().all(|node| {
            array::<32>(&node.ed25519).is_some_and(|key| hex::encode(key) == node.ed25519)
                && node.swarm.parse::<crate::swarm::SwarmId>().is_ok()
        });
        if !sorted || !readable || roster.nodes.len() > MAX_NODES {
            return Err(RosterError::Format);
        }
        Ok(roster)
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Id of the network it wants to belong to.
    pub network: String,
    /// Ed25519, 64 lower-case hex digits.
    pub node: String,
    /// Dotted IPv4.
    pub ip: String,
    /// HTTPS port.
    pub port: u16,
    /// `https://host[:port]` with a certificate that browsers accept, if it takes packets from pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Version of its storage service.
    pub version: [u16; 3],
    /// Unix ms.
    pub at: i64,
    /// Nodes that it could not reach when it tested them, or that did not hold what they must.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
}

/// A node that another one misses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Ed25519, 64 lower-case hex digits.
    pub node: String,
    /// Since when, Unix ms.
    pub since: i64,
}

/// A proof as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedProof {
    /// JSON of a [`Proof`].
    pub proof: String,
    /// 128 hex digits, by the node's own key.
    pub signature: String,
}

impl SignedProof {
    /// Signs a proof.
    ///
    /// # Errors
    /// If it cannot be written as text.
    pub fn sign(proof: &Proof, key: &Ed25519Secret) -> Result<Self, RosterError> {
        let proof = serde_json::to_string(proof).map_err(|_| RosterError::Format)?;
        let signature = hex::encode(key.sign(&signed_text(PROOF_DOMAIN, &proof)));
        Ok(Self { proof, signature })
    }

    /// The proof, if its node has signed it for this network and it still counts.
    ///
    /// # Errors
    /// If not.
    pub fn verify(&self, network: &str, now: i64) -> Result<Proof, RosterError> {
        let proof = self.verify_signer(network)?;
        if !(now.saturating_sub(PROOF_LIFE)..=now.saturating_add(PROOF_AHEAD)).contains(&proof.at) {
            return Err(RosterError::Time);
        }
        Ok(proof)
    }

    /// The proof, if its node has signed it for this network, however old it is. An old one can only name an address where
    /// the node was once.
    ///
    /// # Errors
    /// If not.
    pub fn verify_signer(&self, network: &str) -> Result<Proof, RosterError> {
        let proof: Proof = serde_json::from_str(&self.proof).map_err(|_| RosterError::Format)?;
        let key = array::<32>(&proof.node).map(Ed25519Public).ok_or(RosterError::Format)?;
        let signature = array::<64>(&self.signature).ok_or(RosterError::Format)?;
        if !key.verify(&signed_text(PROOF_DOMAIN, &self.proof), &signature) {
            return Err(RosterError::Signatures);
        }
        if proof.network != network {
            return Err(RosterError::Network);
        }
        Ok(proof)
    }
}

/// What a seed hands out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedDirectory {
    /// None before the operator has signed the first one.
    #[serde(default)]
    pub roster: Option<SignedRoster>,
    /// Fresh proofs: of members, or of nodes that wait to be approved.
    #[serde(default)]
    pub proofs: Vec<SignedProof>,
}

fn signed_text(domain: &[u8], text: &str) -> Vec<u8> {
    [domain, text.as_bytes()].concat()
}

fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn key(n: u8) -> Ed25519Secret {
        Ed25519Secret::from_seed([n; 32])
    }

    fn roster(signers: &Signers) -> Roster {
        let mut nodes: Vec<RosterNode> = (10..13)
            .map(|n| RosterNode { ed25519: hex::encode(key(n).public().0), swarm: "0".to_owned(), since: 1 })
            .collect();
        nodes.sort_by(|a, b| a.ed25519.cmp(&b.ed25519));
        Roster { network: signers.network_id(), name: "Test".to_owned(), serial: 7, at: 1_700_000_000_000, nodes }
    }

    #[test]
    fn a_signed_roster_is_accepted_and_a_changed_one_is_not() {
        let signers = Signers::one(key(1).public());
        let mut signed = SignedRoster::sign(&roster(&signers), &[&key(1)]).unwrap();
        assert_eq!(signed.verify(&signers), Ok(roster(&signers)));
        signed.roster = signed.roster.replace("\"serial\":7", "\"serial\":8");
        assert_eq!(signed.verify(&signers), Err(RosterError::Signatures));
    }

    #[test]
    fn a_threshold_counts_keys_not_signatures() {
        let signers = Signers { keys: vec![key(1).public(), key(2).public(), key(3).public()], threshold: 2 };
        let mut one = SignedRoster::sign(&roster(&signers), &[&key(1)]).unwrap();
        one.signatures.push(one.signatures[0].clone());
        assert_eq!(one.verify(&signers), Err(RosterError::Signatures));
        let two = SignedRoster::sign(&roster(&signers), &[&key(3), &key(1)]).unwrap();
        assert!(two.verify(&signers).is_ok());
        let stranger = SignedRoster::sign(&roster(&signers), &[&key(3), &key(9)]).unwrap();
        assert_eq!(stranger.verify(&signers), Err(RosterError::Signatures));
    }

    #[test]
    fn a_roster_of_another_network_or_out_of_order_is_refused() {
        let (ours, theirs) = (Signers::one(key(1).public()), Signers::one(key(2).public()));
        let signed = SignedRoster::sign(&roster(&theirs), &[&key(1)]).unwrap();
        assert_eq!(signed.verify(&ours), Err(RosterError::Network));
        let mut shuffled = roster(&ours);
        shuffled.nodes.reverse();
        let signed = SignedRoster::sign(&shuffled, &[&key(1)]).unwrap();
        assert_eq!(signed.verify(&ours), Err(RosterError::Format));
    }

    #[test]
    fn a_proof_counts_for_its_network_and_its_time_only() {
        let now = 1_700_000_000_000;
        let proof = Proof {
            network: "own-1".to_owned(),
            node: hex::encode(key(4).public().0),
            ip: "192.0.2.7".to_owned(),
            port: 22021,
            origin: None,
            version: [2, 11, 0],
            at: now,
            reports: Vec::new(),
        };
        let signed = SignedProof::sign(&proof, &key(4)).unwrap();
        assert_eq!(signed.verify("own-1", now), Ok(proof.clone()));
        assert_eq!(signed.verify("own-2", now), Err(RosterError::Network));
        assert_eq!(signed.verify("own-1", now + PROOF_LIFE + 1), Err(RosterError::Time));
        assert_eq!(signed.verify("own-1", now - PROOF_AHEAD - 1), Err(RosterError::Time));
        let forged = SignedProof::sign(&proof, &key(5)).unwrap();
        assert_eq!(forged.verify("own-1", now), Err(RosterError::Signatures));
    }
}
