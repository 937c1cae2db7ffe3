//! `zwiebel operator`: make the key, approve and revoke nodes, tell the seeds.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use zwiebel_proto::roster::SignedDirectory;
use zwiebel_proto::roster::SignedProof;
use zwiebel_proto::roster::SignedRoster;

use super::say;
use crate::clock::Clock;
use crate::config;
use crate::operator::Operator;
use crate::peer::read_limited;
use crate::tls;

const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest list of nodes that wait.
const LARGEST: usize = 4 * 1024 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(super) enum OperatorJob {
    /// Make the operator's key and an empty list.
    Keygen {
        /// Folder for key and list.
        #[arg(long)]
        data: PathBuf,
        /// Name of the network, for people.
        #[arg(long)]
        name: String,
    },
    /// Add nodes to the list and sign it.
    Approve(Change),
    /// Take nodes off the list and sign it.
    Revoke(Change),
    /// Sign the list again and tell the seeds.
    Sign {
        #[arg(long)]
        data: PathBuf,
        #[arg(long = "seed")]
        seeds: Vec<String>,
    },
    /// Show the list, and with seeds also the nodes that wait to be approved.
    Show {
        #[arg(long)]
        data: PathBuf,
        #[arg(long = "seed")]
        seeds: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    /// Public keys of nodes, as they print them at their start.
    #[arg(required = true)]
    nodes: Vec<String>,
    /// Folder for key and list.
    #[arg(long)]
    data: PathBuf,
    /// Seeds to tell, http(s)://host:port; may be repeated.
    #[arg(long = "seed")]
    seeds: Vec<String>,
}

pub(super) async fn run(job: OperatorJob) -> Result<(), String> {
    let now = Clock::system().now();
    match job {
        OperatorJob::Keygen { data, name } => {
            let operator = Operator::create(&data, &name, now).map_err(|error| error.to_string())?;
            say(&format!("operator {}", hex::encode(operator.public_key().0)));
            say(&format!("network {}", operator.roster().network));
            Ok(())
        }
        OperatorJob::Approve(Change { nodes, data, seeds }) => {
            let mut operator = Operator::open(&data).map_err(|error| error.to_string())?;
            operator.approve(&nodes, now).map_err(|error| error.to_string())?;
            publish(&operator, &seeds).await
        }
        OperatorJob::Revoke(Change { nodes, data, seeds }) => {
            let mut operator = Operator::open(&data).map_err(|error| error.to_string())?;
            operator.revoke(&nodes, now).map_err(|error| error.to_string())?;
            publish(&operator, &seeds).await
        }
        OperatorJob::Sign { data, seeds } => {
            let mut operator = Operator::open(&data).map_err(|error| error.to_string())?;
            operator.sign(now).map_err(|error| error.to_string())?;
            publish(&operator, &seeds).await
        }
        OperatorJob::Show { data, seeds } => {
            let operator = Operator::open(&data).map_err(|error| error.to_string())?;
            show(&operator, &seeds, now).await
        }
    }
}

/// Tells every seed; one that does not take the list makes the command fail, so that nobody believes it has.
async fn publish(operator: &Operator, seeds: &[String]) -> Result<(), String> {
    let roster = operator.roster();
    say(&format!("signed {} with {} nodes", roster.serial, roster.nodes.len()));
    let Some(signed) = operator.signed() else { return Ok(()) };
    let mut failed = 0;
    for seed in config::origins("seed", seeds).map_err(|error| error.to_string())? {
        match send(&seed, signed).await {
            Ok(()) => say(&format!("told {seed}")),
            Err(error) => {
                failed += 1;
                say(&format!("not told {seed}: {error}"));
            }
        }
    }
    if failed > 0 {
        return Err("not every seed knows: run `zwiebel operator sign` with those seeds again".to_owned());
    }
    Ok(())
}

async fn send(seed: &str, signed: &SignedRoster) -> Result<(), String> {
    let http = tls::client().map_err(|error| error.to_string())?;
    let body = serde_json::to_vec(signed).map_err(|error| error.to_string())?;
    let sent = http.post(format!("{seed}/zw/v1/roster")).timeout(TIMEOUT).body(body).send().await;
    let answer = sent.map_err(|_| "it does not answer".to_owned())?;
    let status = answer.status();
    let body = read_limited(answer, 64 * 1024).await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{status} {}", String::from_utf8_lossy(&body).trim()));
    }
    match serde_json::from_slice::<Value>(&body).ok().and_then(|body| body.get("news")?.as_bool()) {
        Some(true) => Ok(()),
        _ => Err("it has this list or a newer one".to_owned()),
    }
}

async fn show(operator: &Operator, seeds: &[String], now: i64) -> Result<(), String> {
    let roster = operator.roster();
    say(&format!("operator {}", hex::encode(operator.public_key().0)));
    say(&format!("network {} \"{}\" signed {}", roster.network, roster.name, roster.serial));
    for node in &roster.nodes {
        say(&format!("node {} swarm {} since {}", node.ed25519, node.swarm, node.since));
    }
    let http = tls::client().map_err(|error| error.to_string())?;
    for seed in config::origins("seed", seeds).map_err(|error| error.to_string())? {
        let asked = http.get(format!("{seed}/zw/v1/waiting")).timeout(TIMEOUT).send().await;
        let answer = asked.map_err(|_| format!("{seed} does not answer"))?;
        let body = read_limited(answer, LARGEST).await.map_err(|error| error.to_string())?;
        let directory: SignedDirectory =
            serde_json::from_slice(&body).map_err(|_| format!("{seed} is no seed of such a network"))?;
        for proof in directory.proofs.iter().filter_map(|proof| waiting(proof, operator, now)) {
            say(&proof);
        }
    }
    Ok(())
}

/// A line about a node that announced itself and is not approved.
fn waiting(signed: &SignedProof, operator: &Operator, now: i64) -> Option<String> {
    let proof = signed.verify(&operator.roster().network, now).ok()?;
    let listed = operator.roster().nodes.iter().any(|node| node.ed25519 == proof.node);
    (!listed).then(|| format!("waiting {} at {}:{}", proof.node, proof.ip, proof.port))
}
