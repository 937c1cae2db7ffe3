//! The operator's side of a self-hosted network: its key, the list of approved nodes, and signing it.
//!
//! Everything lies in one folder that belongs on a machine that serves nothing: the key file and the last signed list.
//! Swarms are decided here, once, from the list before and the nodes that came or went.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::roster::Roster;
use zwiebel_proto::roster::RosterError;
use zwiebel_proto::roster::RosterNode;
use zwiebel_proto::roster::SignedRoster;
use zwiebel_proto::roster::Signers;
use zwiebel_proto::swarm::SwarmId;

use crate::encoding::array_from_hex;
use crate::keys::Keys;
use crate::swarms;

/// Why the operator's folder could not be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OperatorError {
    #[error("there is already an operator key in {}", .0.display())]
    Exists(PathBuf),
    #[error("there is no operator key in {}: make one with `zwiebel operator keygen`", .0.display())]
    NoKey(PathBuf),
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no list that this key has signed: {source}", path.display())]
    Roster { path: PathBuf, source: RosterError },
    #[error("{0} is not the key of a node: it has 64 hex digits")]
    NotAKey(String),
    #[error("{0} is not approved")]
    NotApproved(String),
    #[error("{0} is approved already")]
    Approved(String),
}

/// The key and the list.
#[derive(Debug)]
pub struct Operator {
    keys: Keys,
    folder: PathBuf,
    roster: Roster,
    signed: Option<SignedRoster>,
}

impl Operator {
    /// Makes a new key and an empty list.
    ///
    /// # Errors
    /// If there is a key already, or the folder cannot be used.
    pub fn create(folder: &Path, name: &str, now: i64) -> Result<Self, OperatorError> {
        let at = |source| OperatorError::File { path: folder.to_owned(), source };
        crate::keys::create_private_folder(folder).map_err(at)?;
        if key_file(folder).exists() {
            return Err(OperatorError::Exists(folder.to_owned()));
        }
        let keys = Keys::load_or_create(&key_file(folder)).map_err(at)?;
        let network = Signers::one(keys.ed25519_public).network_id();
        let roster = Roster { network, name: name.to_owned(), serial: 0, at: now, nodes: Vec::new() };
        let mut operator = Self { keys, folder: folder.to_owned(), roster, signed: None };
        operator.sign(now)?;
        Ok(operator)
    }

    /// Opens the folder.
    ///
    /// # Errors
    /// If key or list cannot be read, or do not belong together.
    pub fn open(folder: &Path) -> Result<Self, OperatorError> {
        if !key_file(folder).exists() {
            return Err(OperatorError::NoKey(folder.to_owned()));
        }
        let keys = Keys::load_or_create(&key_file(folder))
            .map_err(|source| OperatorError::File { path: key_file(folder), source })?;
        let path = roster_file(folder);
        let bytes = fs::read(&path).map_err(|source| OperatorError::File { path: path.clone(), source })?;
        let signed: Result<SignedRoster, _> = serde_json::from_slice(&bytes).map_err(|_| RosterError::Format);
        let read = signed.and_then(|signed| Ok((signed.verify(&Signers::one(keys.ed25519_public))?, signed)));
        let (roster, signed) = read.map_err(|source| OperatorError::Roster { path, source })?;
        Ok(Self { keys, folder: folder.to_owned(), roster, signed: Some(signed) })
    }

    /// The key that everybody pins.
    #[must_use]
    pub fn public_key(&self) -> Ed25519Public {
        self.keys.ed25519_public
    }

    /// The list as it is.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The list with its signature.
    #[must_use]
    pub const fn signed(&self) -> Option<&SignedRoster> {
        self.signed.as_ref()
    }

    /// Adds nodes and signs.
    ///
    /// # Errors
    /// If one is no key or is there already; then nothing changes.
    pub fn approve(&mut self, nodes: &[String], now: i64) -> Result<(), OperatorError> {
        let mut keys = self.members();
        for node in nodes {
            let key = node_key(node)?;
            if keys.contains(&key) {
                return Err(OperatorError::Approved(node.clone()));
            }
            keys.push(key);
        }
        self.set(&keys, now)
    }

    /// Takes nodes off and signs.
    ///
    /// # Errors
    /// If one is not there; then nothing changes.
    pub fn revoke(&mut self, nodes: &[String], now: i64) -> Result<(), OperatorError> {
        let mut keys = self.members();
        for node in nodes {
            let key = node_key(node)?;
            let at = keys.iter().position(|known| *known == key);
            keys.remove(at.ok_or_else(|| OperatorError::NotApproved(node.clone()))?);
        }
        self.set(&keys, now)
    }

    /// Signs the list again under the next serial.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn sign(&mut self, now: i64) -> Result<(), OperatorError> {
        let path = roster_file(&self.folder);
        self.roster.serial += 1;
        self.roster.at = now;
        let signed = SignedRoster::sign(&self.roster, &[&self.keys.ed25519])
            .map_err(|source| OperatorError::Roster { path: path.clone(), source })?;
        let new = path.with_extension("json.new");
        let written = serde_json::to_vec_pretty(&signed).map_err(io::Error::from);
        written
            .and_then(|bytes| fs::write(&new, bytes))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|source| OperatorError::File { path, source })?;
        self.signed = Some(signed);
        Ok(())
    }

    fn members(&self) -> Vec<Ed25519Public> {
        self.roster.nodes.iter().filter_map(|node| array_from_hex(&node.ed25519)).map(Ed25519Public).collect()
    }

    fn set(&mut self, keys: &[Ed25519Public], now: i64) -> Result<(), OperatorError> {
        let since: BTreeMap<&str, u64> =
            self.roster.nodes.iter().map(|node| (node.ed25519.as_str(), node.since)).collect();
        let before: BTreeMap<[u8; 32], SwarmId> = self
            .roster
            .nodes
            .iter()
            .filter_map(|node| Some((array_from_hex(&node.ed25519)?, node.swarm.parse().ok()?)))
            .collect();
        let mut nodes: Vec<RosterNode> = keys
            .iter()
            .zip(swarms::assign(keys, &before))
            .map(|(key, swarm)| {
                let ed25519 = hex::encode(key.0);
                let since = since.get(ed25519.as_str()).copied().unwrap_or(self.roster.serial + 1);
                RosterNode { ed25519, swarm: swarm.to_string(), since }
            })
            .collect();
        nodes.sort_by(|a, b| a.ed25519.cmp(&b.ed25519));
        self.roster.nodes = nodes;
        self.sign(now)
    }
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("operator.seed")
}

fn roster_file(folder: &Path) -> PathBuf {
    folder.join("roster.json")
}

/// A key that can be a node's: it must have an X25519 image.
fn node_key(text: &str) -> Result<Ed25519Public, OperatorError> {
    array_from_hex(text)
        .map(Ed25519Public)
        .filter(|key| key.to_x25519().is_some())
        .ok_or_else(|| OperatorError::NotAKey(text.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn node(n: u8) -> String {
        hex::encode(Keys::from_seed([n; 32]).ed25519_public.0)
    }

    #[test]
    fn approvals_and_revocations_are_signed_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut operator = Operator::create(folder.path(), "Ours", 1).unwrap();
        assert!(matches!(Operator::create(folder.path(), "Ours", 1), Err(OperatorError::Exists(_))));
        operator.approve(&[node(1), node(2), node(3)], 2).unwrap();
        operator.revoke(&[node(2)], 3).unwrap();
        assert!(matches!(operator.revoke(&[node(2)], 4), Err(OperatorError::NotApproved(_))));
        assert!(matches!(operator.approve(&[node(1)], 4), Err(OperatorError::Approved(_))));
        assert!(matches!(operator.approve(&["0".repeat(64)], 4), Err(OperatorError::NotAKey(_))));
        let again = Operator::open(folder.path()).unwrap();
        assert_eq!(again.roster(), operator.roster());
        assert_eq!((again.roster().serial, again.roster().nodes.len()), (3, 2));
        assert!(again.roster().nodes.iter().all(|node| node.since == 2));
    }

    #[test]
    fn the_list_of_another_key_is_not_taken_over() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Operator::create(ours.path(), "Ours", 1).unwrap();
        Operator::create(theirs.path(), "Theirs", 1).unwrap();
        fs::copy(theirs.path().join("roster.json"), ours.path().join("roster.json")).unwrap();
        assert!(matches!(Operator::open(ours.path()), Err(OperatorError::Roster { .. })));
    }
}
