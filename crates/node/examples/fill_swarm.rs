//! For measurements: makes an account and stores, in its swarm, what its own devices would have left there: sync copies of
//! messages to many people, and account data with contacts. Prints the recovery phrase; a browser that restores it has all
//! of it.
//!
//! `cargo run -p zwiebel-node --example fill_swarm -- http://127.0.0.1:8100/ 50 200` (conversations, messages in each)
//! `cargo run -p zwiebel-node --example fill_swarm -- http://127.0.0.1:8100/ 0 0 1000` (contacts)

#![allow(clippy::indexing_slicing, reason = "JSON of our own nodes, in a tool for measurements")]

use std::error::Error;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use serde_json::Value;
use serde_json::json;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::Config;
use zwiebel_proto::config::Contacts;
use zwiebel_proto::config::Conversation;
use zwiebel_proto::config::ConvoInfoVolatile;
use zwiebel_proto::config::Push;
use zwiebel_proto::config::ReadMark;
use zwiebel_proto::config::UserProfile;
use zwiebel_proto::content::Content;
use zwiebel_proto::content::DataMessage;
use zwiebel_proto::content::Payload;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::envelope::seal_message;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::store;
use zwiebel_proto::storage_rpc::store_signed;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Stores per request.
const AT_ONCE: usize = 20;
const USAGE: &str = "usage: fill_swarm GATEWAY CONVERSATIONS MESSAGES [CONTACTS]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (gateway, numbers) = args.split_first().ok_or(USAGE)?;
    let numbers: Vec<u64> = numbers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let (conversations, messages, contacts) = match *numbers {
        [conversations, messages] => (conversations, messages, 0),
        [conversations, messages, contacts] => (conversations, messages, contacts),
        _ => return Err(USAGE.into()),
    };
    let rng = &mut rand::rng();
    let account = Account::generate(rng);
    let swarm = Swarm::of(gateway, &account).await?;

    let start = swarm.now - conversations * messages * 1000;
    let people: Vec<AccountId> = (0..conversations).map(|_| Account::generate(rng).id()).collect();
    let mut stores = Vec::new();
    for (number, with) in (0..conversations * messages).zip(people.iter().cycle()) {
        let sent = start + number * 1000;
        let body = format!("Message {number}: the onion has as many layers as patience allows, and then one more.");
        let data = DataMessage { body: Some(body), sync_target: Some(*with), ..DataMessage::default() };
        let sealed = seal_message(&account, &account.id(), &Content::new(sent, Payload::Data(data)), rng)?;
        stores.push(store(&account.id(), &sealed, 14 * DAY_MS, swarm.now, Namespace(0)));
    }
    if contacts > 0 {
        stores.extend(account_data(&account, contacts, swarm.now, rng)?);
    }
    swarm.store(stores).await?;
    println!("{}", *account.phrase());
    Ok(())
}

/// What the account's devices know: a name, contacts, how far each conversation was read.
fn account_data(
    account: &Account,
    contacts: u64,
    now: u64,
    rng: &mut rand::rngs::ThreadRng,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut profile = Config::<UserProfile>::new();
    profile.set_name("Someone with many friends");
    let mut people = Config::<Contacts>::new();
    let mut read = Config::<ConvoInfoVolatile>::new();
    for number in 1..=contacts {
        let id = Account::generate(rng).id();
        people.edit(&id, |contact| {
            contact.name = Some(format!("Person {number}"));
            contact.nickname = (number % 5 == 0).then(|| format!("Friend {number}"));
            contact.approved = true;
            contact.approved_me = true;
            contact.created_s = now / 1000 - number;
        });
        read.set_read_mark(&Conversation::OneToOne(id), ReadMark { last_read_ms: now - 1000, marked_unread: false });
    }
    let pushes = [
        (Namespace::USER_PROFILE, profile.push(account)?),
        (Namespace::CONTACTS, people.push(account)?),
        (Namespace::CONVERSATIONS, read.push(account)?),
    ];
    let mut stores = Vec::new();
    for (namespace, push) in pushes {
        for (_, message) in push.iter().flat_map(Push::messages) {
            stores.push(store_signed(account, message, 30 * DAY_MS, now, namespace));
        }
    }
    Ok(stores)
}

/// The way to a member of an account's swarm.
struct Swarm {
    http: reqwest::Client,
    url: String,
    now: u64,
}

impl Swarm {
    async fn of(gateway: &str, account: &Account) -> Result<Self, Box<dyn Error>> {
        let http = zwiebel_node::tls::client()?;
        let url = storage_url(&http, gateway, &account.id()).await?;
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        Ok(Self { http, url, now })
    }

    async fn store(&self, stores: Vec<Value>) -> Result<(), Box<dyn Error>> {
        for some in stores.chunks(AT_ONCE) {
            let batch = json!({ "method": "batch", "params": { "requests": some } });
            let answer: Value = serde_json::from_slice(
                &self.http.post(&self.url).body(batch.to_string()).send().await?.bytes().await?,
            )?;
            let fine = answer["results"].as_array().is_some_and(|all| all.iter().all(|one| one["code"] == 200));
            if !fine {
                return Err(format!("the swarm refuses: {answer}").into());
            }
        }
        Ok(())
    }
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
