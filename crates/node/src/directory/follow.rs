//! Keeps a [`Directory`] in step with the network's seeds, and announces a node to them.
//!
//! Seeds are not trusted: all they hand out is signed by others. What one of them withholds another may have.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use zwiebel_proto::roster::Proof;
use zwiebel_proto::roster::SignedDirectory;
use zwiebel_proto::roster::SignedProof;

use super::Directory;
use crate::clock::Clock;
use crate::keys::Keys;
use crate::peer::read_limited;
use crate::registry::VERSION;
use crate::reports::Reports;

/// How often a node says that it is there although nothing changed, ms.
const ANNOUNCE_EVERY: i64 = 30 * 60 * 1000;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer of a seed.
const LARGEST: usize = 16 * 1024 * 1024;

/// What a node says of itself.
#[derive(Debug)]
pub struct Announcement {
    pub keys: Arc<Keys>,
    pub ip: Ipv4Addr,
    pub port: u16,
    pub origin: Option<String>,
    pub reports: Arc<Reports>,
}

/// Follows the seeds for ever.
#[derive(Debug)]
pub struct Follower {
    pub directory: Arc<Directory>,
    /// `http(s)://host:port`, without a path.
    pub seeds: Vec<String>,
    pub http: reqwest::Client,
    pub clock: Clock,
    pub every: Duration,
    /// None for those that only read.
    pub announcement: Option<Announcement>,
}

impl Follower {
    /// Reads and announces until dropped.
    pub async fn run(self) {
        let mut every = tokio::time::interval(self.every);
        loop {
            every.tick().await;
            self.round().await;
        }
    }

    /// One round over all seeds; how many answered.
    pub async fn round(&self) -> usize {
        let mut answered = 0;
        let proof = self.announcement.as_ref().and_then(|announcement| self.proof(announcement));
        for seed in &self.seeds {
            if let Some(proof) = &proof {
                self.announce(seed, proof).await;
            }
            match self.read(seed).await {
                Some(directory) => {
                    self.directory.take(directory, self.clock.now());
                    answered += 1;
                }
                None => tracing::info!("a seed does not answer"),
            }
        }
        answered
    }

    /// A new proof if the last one is old or says other things; else the one that the directory has.
    fn proof(&self, announcement: &Announcement) -> Option<SignedProof> {
        let now = self.clock.now();
        let key = &announcement.keys.ed25519_public;
        let node = hex::encode(key.0);
        // Whoever is no member has no say.
        let listed = self.directory.known().lists(&node);
        let proof = Proof {
            network: self.directory.network().to_owned(),
            node,
            ip: announcement.ip.to_string(),
            port: announcement.port,
            origin: announcement.origin.clone(),
            version: VERSION,
            at: now,
            reports: if listed { announcement.reports.missed() } else { Vec::new() },
        };
        if let Some((signed, last)) = self.directory.known().proofs.get(&key.0)
            && last.at > now.saturating_sub(ANNOUNCE_EVERY)
            && (Proof { at: last.at, ..proof.clone() }) == *last
        {
            return Some(signed.clone());
        }
        let signed = SignedProof::sign(&proof, &announcement.keys.ed25519).ok()?;
        self.directory.take_proof(signed.clone(), now).ok()?;
        Some(signed)
    }

    async fn announce(&self, seed: &str, proof: &SignedProof) {
        let Ok(body) = serde_json::to_vec(proof) else { return };
        let sent = self.http.post(format!("{seed}/zw/v1/proof")).timeout(TIMEOUT).body(body).send().await;
        match sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "a seed refuses our uptime proof"),
            Err(_) => tracing::info!("a seed does not take our uptime proof"),
        }
    }

    async fn read(&self, seed: &str) -> Option<SignedDirectory> {
        let answer = self.http.get(format!("{seed}/zw/v1/directory")).timeout(TIMEOUT).send().await.ok()?;
        if !answer.status().is_success() {
            return None;
        }
        serde_json::from_slice(&read_limited(answer, LARGEST).await.ok()?).ok()
    }
}
