//! Who the members of a network of one's own are: whom its operator has signed. The operator's key is taken from the gateway
//! at first contact and pinned; from then on no list counts that this key has not signed, nor one older than the last.
//! The public network has no operator, and a local one signs nothing: there nodes are asked instead (`jobs::votes`).

use serde::{Deserialize, Serialize};
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::{Directory, DirectoryNode, NetworkKind, origin};
use zwiebel_proto::roster::{Proof, Signers};
use zwiebel_proto::sorted::{SortedMap, SortedSet};

use super::pool;
use crate::model::rows::NodeRow;

/// Single row `operator`: whom the lists of the network must be signed by, and what the last one said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OperatorRow {
    pub(crate) key: [u8; 32],
    /// Of the newest list seen.
    pub(crate) serial: u64,
    /// Its members, in the order of their keys.
    pub(crate) members: Vec<[u8; 32]>,
}

impl OperatorRow {
    /// Whether the operator lists this node, and its sealing key is that of its name.
    pub(crate) fn lists(&self, node: &NodeRow) -> bool {
        self.members.binary_search(&node.ed25519).is_ok()
            && node.key().to_x25519().is_some_and(|key| key == node.sealing_key())
    }
}

/// Why a list is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// The pinned operator has not signed it; or there is none, and nobody has.
    Unsigned,
    /// Signed, but a newer one is known: its gateway is behind, or hides something.
    Old,
}

/// What a list is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) nodes: Vec<NodeRow>,
    /// Nodes that take packets from pages, and where.
    pub(crate) direct: SortedMap<Ed25519Public, String>,
    /// What to pin from now on; none where nobody signs.
    pub(crate) operator: Option<OperatorRow>,
}

/// Checks a list against the pinned operator, or finds out whom to pin.
pub(crate) fn check(pinned: Option<&OperatorRow>, directory: &Directory) -> Result<Checked, Distrust> {
    if pinned.is_none() && directory.network.kind != NetworkKind::Own {
        let nodes = pool::parse_directory(&directory.nodes);
        return Ok(Checked { nodes, direct: SortedMap::new(), operator: None });
    }
    let offered = directory.operator.as_deref().and_then(pool::key);
    let key = pinned.map(|row| row.key).or(offered).ok_or(Distrust::Unsigned)?;
    let signers = Signers::one(Ed25519Public(key));
    let signed = directory.signed.as_ref().ok_or(Distrust::Unsigned)?;
    let roster = signed.roster.as_ref().ok_or(Distrust::Unsigned)?;
    let roster = roster.verify(&signers).map_err(|_| Distrust::Unsigned)?;
    if directory.network.kind != NetworkKind::Own || directory.network.id != roster.network {
        return Err(Distrust::Unsigned);
    }
    if pinned.is_some_and(|row| roster.serial < row.serial) {
        return Err(Distrust::Old);
    }
    let swarms: SortedMap<&str, &str> =
        roster.nodes.iter().map(|node| (node.ed25519.as_str(), node.swarm.as_str())).collect();
    let said: Vec<Proof> = signed.proofs.iter().filter_map(|proof| proof.verify_signer(&roster.network).ok()).collect();
    // A gateway may leave nodes out, it cannot change or invent any.
    let confirmed = |node: &&DirectoryNode| {
        swarms.get(node.ed25519.as_str()) == Some(&node.swarm.as_str())
            && said.iter().any(|proof| proof.node == node.ed25519 && proof.ip == node.ip && proof.port == node.port)
    };
    let confirmed: Vec<DirectoryNode> = directory.nodes.iter().filter(confirmed).cloned().collect();
    let members = roster.nodes.iter().filter_map(|node| pool::key(&node.ed25519)).collect::<SortedSet<_>>();
    let operator = OperatorRow { key, serial: roster.serial, members: members.into_iter().collect() };
    let mut nodes = pool::parse_directory(&confirmed);
    nodes.retain(|node| operator.lists(node));
    let direct = said.iter().filter_map(|proof| {
        let offered = confirmed.iter().any(|node| node.ed25519 == proof.node && node.origin == proof.origin);
        let origin = proof.origin.as_deref().filter(|text| offered && is_secure(text))?;
        Some((Ed25519Public(pool::key(&proof.node)?), origin.to_owned()))
    });
    Ok(Checked { direct: direct.collect(), nodes, operator: Some(operator) })
}

/// An origin as browsers write it that others cannot listen in on.
pub(crate) fn is_secure(text: &str) -> bool {
    text.starts_with("https://") && origin(text).as_deref() == Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use zwiebel_crypto::keys::Ed25519Secret;
    use zwiebel_proto::directory::Network;
    use zwiebel_proto::roster::{Roster, RosterNode, SignedDirectory, SignedProof, SignedRoster};

    use super::*;

    fn secret(n: u8) -> Ed25519Secret {
        Ed25519Secret::from_seed([n; 32])
    }

    /// A network of nodes 11 to 15, signed by this operator.
    fn directory(operator: u8, serial: u64) -> Directory {
        let network = Signers::one(secret(operator).public()).network_id();
        let keys: Vec<Ed25519Secret> = (11..=15).map(secret).collect();
        let name = |key: &Ed25519Secret| hex::encode(key.public().0);
        let mut members: Vec<RosterNode> =
            keys.iter().map(|key| RosterNode { ed25519: name(key), swarm: "5".to_owned(), since: 1 }).collect();
        members.sort_by(|a, b| a.ed25519.cmp(&b.ed25519));
        let roster = Roster { network: network.clone(), name: "Ours".to_owned(), serial, at: 1, nodes: members };
        let proofs = keys.iter().zip(1..).map(|(key, n)| {
            let proof = Proof {
                network: network.clone(),
                node: name(key),
                ip: format!("192.0.{n}.1"),
                port: 22021,
                origin: (n == 1).then(|| "https://node.example.org:22021".to_owned()),
                version: [2, 11, 0],
                at: 1,
                reports: Vec::new(),
            };
            (SignedProof::sign(&proof, key).unwrap(), proof)
        });
        let (signed, said): (Vec<_>, Vec<_>) = proofs.unzip();
        let nodes = said.into_iter().zip(&keys).map(|(proof, key)| DirectoryNode {
            ed25519: proof.node,
            x25519: hex::encode(key.public().to_x25519().unwrap().0),
            ip: proof.ip,
            port: proof.port,
            swarm: "5".to_owned(),
            origin: proof.origin,
        });
        let roster = SignedRoster::sign(&roster, &[&secret(operator)]).unwrap();
        Directory {
            network: Network { id: network, name: "Ours".to_owned(), kind: NetworkKind::Own },
            nodes: nodes.collect(),
            contacts: Vec::new(),
            gateways: Vec::new(),
            signed: Some(SignedDirectory { roster: Some(roster), proofs: signed }),
            operator: Some(hex::encode(secret(operator).public().0)),
        }
    }

    #[test]
    fn the_first_operator_is_pinned_and_another_one_is_not_believed() {
        let checked = check(None, &directory(1, 4)).unwrap();
        let pinned = checked.operator.unwrap();
        assert_eq!((pinned.key, pinned.serial, pinned.members.len()), (secret(1).public().0, 4, 5));
        assert_eq!(checked.nodes.len(), 5);
        assert_eq!(check(Some(&pinned), &directory(2, 9)), Err(Distrust::Unsigned));
        assert_eq!(check(Some(&pinned), &directory(1, 3)), Err(Distrust::Old));
        assert_eq!(check(Some(&pinned), &directory(1, 5)).unwrap().operator.unwrap().serial, 5);
        for kind in [NetworkKind::Local, NetworkKind::Session] {
            let mut other = directory(1, 5);
            (other.network.kind, other.signed, other.operator) = (kind, None, None);
            assert_eq!(check(Some(&pinned), &other), Err(Distrust::Unsigned), "no way around by another kind");
        }
    }

    #[test]
    fn a_network_of_ones_own_without_a_signature_is_not_used_at_all() {
        let mut unsigned = directory(1, 4);
        unsigned.signed = None;
        assert_eq!(check(None, &unsigned), Err(Distrust::Unsigned));
        let mut nobody = directory(1, 4);
        nobody.operator = None;
        assert_eq!(check(None, &nobody), Err(Distrust::Unsigned));
        let mut borrowed = directory(1, 4);
        borrowed.operator = directory(2, 4).operator;
        assert_eq!(check(None, &borrowed), Err(Distrust::Unsigned));
    }

    #[test]
    fn a_gateway_can_leave_nodes_out_and_neither_invent_nor_move_one() {
        let left = |change: fn(&mut Directory)| {
            let mut list = directory(1, 4);
            change(&mut list);
            check(None, &list).unwrap().nodes.len()
        };
        assert_eq!(left(|list| list.nodes.truncate(3)), 3);
        assert_eq!(left(|list| list.nodes[0].ip = "203.0.113.66".to_owned()), 4);
        assert_eq!(left(|list| list.nodes[0].port = 443), 4);
        assert_eq!(left(|list| list.nodes[0].swarm = "6".to_owned()), 4);
        assert_eq!(left(|list| list.nodes[0].x25519 = list.nodes[1].x25519.clone()), 4);
        assert_eq!(left(|list| list.nodes[0].ed25519 = hex::encode(secret(66).public().0)), 4);
        assert_eq!(left(|list| list.signed.as_mut().unwrap().proofs.truncate(1)), 1);
    }

    #[test]
    fn direct_nodes_are_those_that_say_so_and_that_the_gateway_offers() {
        let offered = |change: fn(&mut Directory)| {
            let mut list = directory(1, 4);
            change(&mut list);
            check(None, &list).unwrap().direct
        };
        let expected = [(secret(11).public(), "https://node.example.org:22021".to_owned())];
        assert_eq!(offered(|_| {}), expected.into());
        assert_eq!(offered(|list| list.nodes[0].origin = None), SortedMap::new());
        assert_eq!(
            offered(|list| list.nodes[0].origin = Some("https://evil.example.org".to_owned())),
            SortedMap::new()
        );
        let evil = |list: &mut Directory| list.nodes[1].origin = Some("https://evil.example.org".to_owned());
        assert_eq!(offered(evil).len(), 1);
    }
}
