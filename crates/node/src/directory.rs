//! Membership of a self-hosted network: what its operator signed and what its nodes said last, kept on disk.
//!
//! Fills the [`Registry`]. Takes nothing without a signature, and never an older list than the one it has. The members and
//! their swarms come from the operator alone, so that every node computes the same; addresses come from the nodes' own
//! uptime proofs. A chain's certificates will replace the operator here. [`follow`] keeps it in step with the seeds.

pub mod follow;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::roster::PROOF_LIFE;
use zwiebel_proto::roster::Proof;
use zwiebel_proto::roster::Roster;
use zwiebel_proto::roster::RosterError;
use zwiebel_proto::roster::RosterNode;
use zwiebel_proto::roster::SignedDirectory;
use zwiebel_proto::roster::SignedProof;
use zwiebel_proto::roster::SignedRoster;
use zwiebel_proto::roster::Signers;

use crate::config;
use crate::encoding::array_from_hex;
use crate::registry::ListedNode;
use crate::registry::NodeList;
use crate::registry::Registry;
use crate::registry::Seen;

/// Nodes that wait to be approved and are remembered at most; members always are.
const WAITING: usize = 1_000;
/// Most reports of one proof that are looked at.
const REPORTS: usize = 1_000;
/// Largest proof of a node that waits: who it is and where, and nothing of others.
const STRANGER: usize = 1024;
/// Least pause between two times that the file is written for proofs. A lost one is announced again.
const SAVE_EVERY: Duration = Duration::from_secs(5);
const FILE: &str = "directory.json";

/// Why the directory could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DirectoryError {
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// What one process knows of its network.
#[derive(Debug)]
pub struct Directory {
    network: String,
    signers: Signers,
    registry: Registry,
    file: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    roster: Option<(SignedRoster, Roster)>,
    proofs: BTreeMap<[u8; 32], (SignedProof, Proof)>,
    /// When anything came last, Unix ms: proofs are judged by that time, so that a silent seed ends nothing.
    at: i64,
    /// When the file was written last.
    saved: Option<Instant>,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    at: i64,
    #[serde(flatten)]
    directory: SignedDirectory,
}

impl Directory {
    /// Opens the directory kept in this folder; what is there is checked like anything else.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(folder: &Path, signers: Signers, registry: Registry) -> Result<Self, DirectoryError> {
        let file = folder.join(FILE);
        let saved: Option<Saved> = match fs::read(&file) {
            // A file that makes no sense is like none: the seeds have it all.
            Ok(bytes) => serde_json::from_slice(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(DirectoryError::File { path: file, source }),
        };
        let network = signers.network_id();
        let directory = Self { network, signers, registry, file, known: Mutex::default() };
        if let Some(Saved { at, directory: saved }) = saved {
            directory.take_quietly(saved, at);
            directory.publish();
        }
        Ok(directory)
    }

    /// Id of the network.
    #[must_use]
    pub fn network(&self) -> &str {
        &self.network
    }

    /// The operator's public key in hex; none if there are several.
    #[must_use]
    pub fn operator(&self) -> Option<String> {
        let [key] = self.signers.keys.as_slice() else { return None };
        Some(hex::encode(key.0))
    }

    /// Its name for people; the id before there is a roster.
    #[must_use]
    pub fn name(&self) -> String {
        self.known().roster.as_ref().map_or_else(|| self.network.clone(), |(_, roster)| roster.name.clone())
    }

    /// The list it fills.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The network as it travels: what strangers say of themselves does not.
    #[must_use]
    pub fn signed(&self) -> SignedDirectory {
        let known = self.known();
        SignedDirectory {
            roster: known.roster.as_ref().map(|(signed, _)| signed.clone()),
            proofs: known.proofs_of(true),
        }
    }

    /// What nodes that are not approved say of themselves: for the operator.
    #[must_use]
    pub fn waiting(&self) -> SignedDirectory {
        SignedDirectory { roster: None, proofs: self.known().proofs_of(false) }
    }

    /// Takes a newer roster; true if it was one.
    ///
    /// # Errors
    /// If it is not signed as it must be.
    pub fn take_roster(&self, signed: SignedRoster, now: i64) -> Result<bool, RosterError> {
        let taken = self.add_roster(signed)?;
        if taken {
            self.finish(now);
            self.save();
        }
        Ok(taken)
    }

    /// Takes a newer proof; true if it was one.
    ///
    /// # Errors
    /// If it is not its node's, or not of this time and network.
    pub fn take_proof(&self, signed: SignedProof, now: i64) -> Result<bool, RosterError> {
        let Some(member) = self.add_proof(signed, now)? else { return Ok(false) };
        self.finish(now);
        let due = member && self.known().saved.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY);
        if due {
            self.save();
        }
        Ok(true)
    }

    /// Takes from a seed's answer whatever is good and new.
    pub fn take(&self, directory: SignedDirectory, now: i64) {
        if self.take_quietly(directory, now) {
            self.finish(now);
            self.save();
        }
    }

    /// Whether anything was new.
    fn take_quietly(&self, directory: SignedDirectory, now: i64) -> bool {
        let mut news = false;
        match directory.roster.map(|signed| self.add_roster(signed)) {
            Some(Ok(newer)) => news |= newer,
            Some(Err(error)) => tracing::warn!(%error, "a list of nodes was not accepted"),
            None => {}
        }
        for signed in directory.proofs {
            match self.add_proof(signed, now) {
                Ok(newer) => news |= newer.is_some(),
                Err(error) => tracing::debug!(%error, "an uptime proof was not accepted"),
            }
        }
        let mut known = self.known();
        known.at = known.at.max(now);
        news
    }

    fn add_roster(&self, signed: SignedRoster) -> Result<bool, RosterError> {
        let roster = signed.verify(&self.signers)?;
        let mut known = self.known();
        let newer = known.roster.as_ref().is_none_or(|(_, old)| roster.serial > old.serial);
        if newer {
            known.roster = Some((signed, roster));
        }
        Ok(newer)
    }

    /// If it is newer: whether its node is a member.
    fn add_proof(&self, signed: SignedProof, now: i64) -> Result<Option<bool>, RosterError> {
        let size = signed.proof.len().saturating_add(signed.signature.len());
        let proof = signed.verify(&self.network, now)?;
        let key: [u8; 32] = array_from_hex(&proof.node).ok_or(RosterError::Format)?;
        // An origin ends up in a page's policy.
        let origin = proof.origin.as_deref();
        let good_origin =
            origin.is_none_or(|text| text.starts_with("https://") && config::origin(text).as_deref() == Some(text));
        let good_address = proof.port != 0 && proof.ip.parse::<Ipv4Addr>().is_ok();
        if !good_origin || !good_address || proof.reports.len() > REPORTS {
            return Err(RosterError::Format);
        }
        let mut known = self.known();
        let member = known.lists(&proof.node);
        if !member && (size > STRANGER || !proof.reports.is_empty()) {
            return Err(RosterError::Format);
        }
        if known.proofs.get(&key).is_some_and(|(_, old)| old.at >= proof.at) {
            return Ok(None);
        }
        if !member && known.proofs.len() >= WAITING + known.members() {
            return Ok(None);
        }
        known.proofs.insert(key, (signed, proof));
        Ok(Some(member))
    }

    /// Something changed: forget what is stale, tell the registry.
    fn finish(&self, now: i64) {
        let mut known = self.known();
        known.at = known.at.max(now);
        let oldest = known.at.saturating_sub(PROOF_LIFE);
        // A member's last address is better than none; strangers are forgotten.
        let members: Vec<[u8; 32]> = known.nodes().filter_map(|node| array_from_hex(&node.ed25519)).collect();
        known.proofs.retain(|key, (_, proof)| proof.at >= oldest || members.contains(key));
        drop(known);
        self.publish();
    }

    fn publish(&self) {
        let list = self.known().list();
        if self.registry.replace(list) {
            tracing::info!(nodes = self.registry.list().len(), "the list of nodes changed");
        }
    }

    fn save(&self) {
        self.known().saved = Some(Instant::now());
        if let Err(error) = self.write() {
            tracing::warn!(kind = ?error.kind(), "the list of nodes could not be saved");
        }
    }

    fn write(&self) -> io::Result<()> {
        let at = self.known().at;
        let saved = Saved { at, directory: self.signed() };
        let new = self.file.with_extension("json.new");
        fs::write(&new, serde_json::to_vec(&saved)?)?;
        fs::rename(new, &self.file)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn nodes(&self) -> impl Iterator<Item = &RosterNode> {
        self.roster.iter().flat_map(|(_, roster)| &roster.nodes)
    }

    fn members(&self) -> usize {
        self.nodes().count()
    }

    /// The proofs of members, or of all others.
    fn proofs_of(&self, members: bool) -> Vec<SignedProof> {
        let wanted = self.proofs.values().filter(|(_, proof)| self.lists(&proof.node) == members);
        wanted.map(|(signed, _)| signed.clone()).collect()
    }

    fn lists(&self, node: &str) -> bool {
        self.roster.as_ref().is_some_and(|(_, roster)| {
            roster.nodes.binary_search_by(|listed| listed.ed25519.as_str().cmp(node)).is_ok()
        })
    }

    fn list(&self) -> NodeList {
        let missed = self.missed();
        NodeList::new(self.nodes().filter_map(|node| self.listed(node, missed.get(node.ed25519.as_str()).copied())))
    }

    fn listed(&self, node: &RosterNode, missed_since: Option<i64>) -> Option<ListedNode> {
        let ed25519 = Ed25519Public(array_from_hex(&node.ed25519)?);
        let x25519 = ed25519.to_x25519()?;
        let proof = self.proofs.get(&ed25519.0).map(|(_, proof)| proof);
        let ip = proof.and_then(|proof| proof.ip.parse().ok()).unwrap_or(Ipv4Addr::UNSPECIFIED);
        Some(ListedNode {
            ed25519,
            x25519,
            ip,
            port: proof.map_or(0, |proof| proof.port),
            swarm: node.swarm.parse().ok(),
            origin: proof.and_then(|proof| proof.origin.clone()),
            seen: Seen {
                proof: proof.map_or(0, |proof| proof.at),
                version: proof.map(|proof| proof.version),
                unreachable_since: missed_since,
            },
        })
    }

    /// Nodes that more than half of the members with a fresh proof miss, and since when they agree on that.
    fn missed(&self) -> BTreeMap<&str, i64> {
        let oldest = self.at.saturating_sub(PROOF_LIFE);
        let fresh = self.proofs.values().map(|(_, proof)| proof);
        let voters: Vec<&Proof> = fresh.filter(|proof| proof.at >= oldest && self.lists(&proof.node)).collect();
        let mut complaints: BTreeMap<&str, (usize, i64)> = BTreeMap::new();
        for report in voters.iter().flat_map(|proof| &proof.reports) {
            let (count, since) = complaints.entry(report.node.as_str()).or_default();
            (*count, *since) = (*count + 1, (*since).max(report.since));
        }
        let has_vote = |node: &str| usize::from(voters.iter().any(|voter| voter.node == node));
        // Nobody votes on himself.
        complaints.retain(|node, (count, _)| *count * 2 > voters.len() - has_vote(node));
        complaints.into_iter().map(|(node, (_, since))| (node, since)).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use zwiebel_crypto::keys::Ed25519Secret;
    use zwiebel_proto::roster::Report;

    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn key(n: u8) -> Ed25519Secret {
        Ed25519Secret::from_seed([n; 32])
    }

    fn name(n: u8) -> String {
        hex::encode(key(n).public().0)
    }

    fn roster(serial: u64, nodes: &[u8]) -> SignedRoster {
        let mut nodes: Vec<RosterNode> =
            nodes.iter().map(|n| RosterNode { ed25519: name(*n), swarm: "5".to_owned(), since: 1 }).collect();
        nodes.sort_by(|a, b| a.ed25519.cmp(&b.ed25519));
        let network = Signers::one(key(1).public()).network_id();
        SignedRoster::sign(&Roster { network, name: "Ours".to_owned(), serial, at: NOW, nodes }, &[&key(1)]).unwrap()
    }

    fn proof(n: u8, at: i64, port: u16, reports: Vec<Report>) -> SignedProof {
        let network = Signers::one(key(1).public()).network_id();
        let (ip, version) = ("192.0.2.9".to_owned(), [2, 11, 0]);
        let proof = Proof { network, node: name(n), ip, port, origin: None, version, at, reports };
        SignedProof::sign(&proof, &key(n)).unwrap()
    }

    fn open(folder: &Path) -> Directory {
        Directory::open(folder, Signers::one(key(1).public()), Registry::default()).unwrap()
    }

    #[test]
    fn members_are_whom_the_operator_lists_and_where_they_say() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open(folder.path());
        assert!(directory.take_proof(proof(2, NOW, 7001, vec![]), NOW).unwrap());
        assert!(directory.registry().list().is_empty(), "nobody is a member by himself");
        assert_eq!((directory.waiting().proofs.len(), directory.signed().proofs.len()), (1, 0));
        assert!(directory.take_roster(roster(1, &[2, 3]), NOW).unwrap());
        let list = directory.registry().list();
        assert_eq!(list.find(&key(2).public()).unwrap().port, 7001);
        assert!(!list.find(&key(3).public()).unwrap().has_address());
        assert_eq!((directory.waiting().proofs.len(), directory.signed().proofs.len()), (0, 1));
        drop(directory);
        assert_eq!(open(folder.path()).registry().list(), list, "the same after a restart");
    }

    #[test]
    fn strangers_leave_nothing_but_their_address_and_only_for_the_operator() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open(folder.path());
        assert!(directory.take_roster(roster(1, &[2]), NOW).unwrap());
        let file = || fs::metadata(folder.path().join(FILE)).unwrap().modified().unwrap();
        let written = file();
        let long = |n: u8, length: usize| {
            let network = Signers::one(key(1).public()).network_id();
            let origin = Some(format!("https://{}.example.org", "a".repeat(length)));
            let (ip, version) = ("192.0.2.9".to_owned(), [2, 11, 0]);
            let proof = Proof { network, node: name(n), ip, port: 7000, origin, version, at: NOW, reports: Vec::new() };
            SignedProof::sign(&proof, &key(n)).unwrap()
        };
        assert_eq!(directory.take_proof(long(3, STRANGER), NOW), Err(RosterError::Format));
        assert!(directory.take_proof(long(3, 50), NOW).unwrap());
        assert!(directory.take_proof(proof(3, NOW + 1, 7001, vec![]), NOW).unwrap());
        assert_eq!((directory.waiting().proofs.len(), directory.signed().proofs.len()), (1, 0));
        directory.known().saved = None;
        assert!(directory.take_proof(proof(3, NOW + 2, 7001, vec![]), NOW).unwrap());
        assert_eq!(file(), written, "nothing is written for them");
        drop(directory);
        assert!(open(folder.path()).waiting().proofs.is_empty());
    }

    #[test]
    fn nothing_older_replaces_anything() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open(folder.path());
        assert!(directory.take_roster(roster(5, &[2]), NOW).unwrap());
        assert!(!directory.take_roster(roster(4, &[3]), NOW).unwrap());
        assert!(!directory.take_roster(roster(5, &[3]), NOW).unwrap());
        assert!(directory.take_proof(proof(2, NOW, 7001, vec![]), NOW).unwrap());
        assert!(!directory.take_proof(proof(2, NOW - 1, 7002, vec![]), NOW).unwrap());
        assert_eq!(directory.registry().list().find(&key(2).public()).unwrap().port, 7001);
        let mut forged = roster(6, &[3]);
        forged.signatures[0].signature = "00".repeat(64);
        assert_eq!(directory.take_roster(forged, NOW), Err(RosterError::Signatures));
    }

    #[test]
    fn most_of_those_that_test_a_node_must_miss_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = open(folder.path());
        directory.take_roster(roster(1, &[2, 3, 4, 5]), NOW).unwrap();
        let misses = |n| {
            let report = Report { node: name(5), since: NOW - 60_000 * i64::from(n) };
            proof(n, NOW, 7000 + u16::from(n), vec![report])
        };
        let since =
            |directory: &Directory| directory.registry().list().find(&key(5).public()).unwrap().seen.unreachable_since;
        directory.take_proof(proof(4, NOW, 7004, vec![]), NOW).unwrap();
        directory.take_proof(proof(5, NOW, 7005, vec![]), NOW).unwrap();
        directory.take_proof(misses(2), NOW).unwrap();
        assert_eq!(since(&directory), None, "one of two");
        assert_eq!(directory.take_proof(misses(9), NOW), Err(RosterError::Format), "strangers have no say");
        assert_eq!(since(&directory), None);
        directory.take_proof(misses(3), NOW).unwrap();
        assert_eq!(since(&directory), Some(NOW - 120_000), "two of three, since both have missed it");
        directory.take_proof(proof(3, NOW + 1, 7003, vec![]), NOW).unwrap();
        assert_eq!(since(&directory), None, "it is back for one of them");
    }
}
