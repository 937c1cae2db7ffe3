//! For measurements: makes an account and stores, in its swarm, what its own devices would have left there: sync copies of
//! messages to many people. Prints the recovery phrase; a browser that restores it has all the conversations.
//!
//! `cargo run -p zwiebel-node --example fill_swarm -- http://127.0.0.1:8100/ 50 200`

#![allow(clippy::indexing_slicing, reason = "JSON of our own nodes, in a tool for measurements")]

use std::error::Error;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use serde_json::Value;
use serde_json::json;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::Content;
use zwiebel_proto::content::DataMessage;
use zwiebel_proto::content::Payload;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::envelope::seal_message;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::store;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Stores per request.
const AT_ONCE: usize = 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [gateway, conversations, messages] = args.as_slice() else {
        return Err("usage: fill_swarm GATEWAY CONVERSATIONS MESSAGES".into());
    };
    let (conversations, messages): (u64, u64) = (conversations.parse()?, messages.parse()?);
    let http = zwiebel_node::tls::client()?;
    let rng = &mut rand::rng();
    let account = Account::generate(rng);
    let url = storage_url(&http, gateway, &account.id()).await?;

    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let people: Vec<AccountId> = (0..conversations).map(|_| Account::generate(rng).id()).collect();
    let start = now - conversations * messages * 1000;
    let mut stores = Vec::new();
    for (number, with) in (0..conversations * messages).zip(people.iter().cycle()) {
        let sent = start + number * 1000;
        let body = format!("Message {number}: the onion has as many layers as patience allows, and then one more.");
        let data = DataMessage { body: Some(body), sync_target: Some(*with), ..DataMessage::default() };
        let sealed = seal_message(&account, &account.id(), &Content::new(sent, Payload::Data(data)), rng)?;
        stores.push(store(&account.id(), &sealed, 14 * DAY_MS, now, Namespace(0)));
        if stores.len() == AT_ONCE || number + 1 == conversations * messages {
            let batch = json!({ "method": "batch", "params": { "requests": std::mem::take(&mut stores) } });
            let answer: Value =
                serde_json::from_slice(&http.post(&url).body(batch.to_string()).send().await?.bytes().await?)?;
            let fine = answer["results"].as_array().is_some_and(|all| all.iter().all(|one| one["code"] == 200));
            if !fine {
                return Err(format!("the swarm refuses: {answer}").into());
            }
        }
    }
    println!("{}", *account.phrase());
    Ok(())
}

/// A member of the account's swarm.
async fn storage_url(http: &reqwest::Client, gateway: &str, id: &AccountId) -> Result<String, Box<dyn Error>> {
    let list = http.get(format!("{gateway}gw/v1/nodes")).send().await?.bytes().await?;
    let directory: Directory = serde_json::from_slice(&list)?;
    let any = directory.nodes.first().ok_or("no nodes")?;
    let ask = json!({ "method": "get_swarm", "params": { "pubkey": id.to_string() } });
    let url = format!("https://{}:{}/storage_rpc/v1", any.ip, any.port);
    let swarm: Value = serde_json::from_slice(&http.post(url).body(ask.to_string()).send().await?.bytes().await?)?;
    let key = swarm["snodes"][0]["pubkey_ed25519"].as_str().ok_or("no swarm")?;
    let member = directory.nodes.iter().find(|node| node.ed25519 == key).ok_or("the swarm is not listed")?;
    Ok(format!("https://{}:{}/storage_rpc/v1", member.ip, member.port))
}
