//! What travels between members of a swarm that compare and pull. Formats only.

use serde::Deserialize;
use serde::Serialize;

use crate::account::Account;
use crate::store::messages::Message;
use crate::store::pull;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct After {
    /// Which list of nodes the asker goes by.
    pub(super) view: String,
    pub(super) after: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) view: String,
    /// Index into [`pull::RANGES`].
    pub(super) range: usize,
    pub(super) after: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Behind {
    pub(super) all: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct View {
    pub(super) view: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Fetch {
    pub(super) view: String,
    pub(super) hashes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) hash: String,
    pub(super) nonce: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listed {
    /// Name of the database that the numbers belong to.
    pub(super) store: String,
    /// Where to go on; none at the end.
    pub(super) next: Option<i64>,
    pub(super) entries: Vec<pull::Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListedRemovals {
    pub(super) store: String,
    pub(super) next: Option<i64>,
    pub(super) removals: Vec<TravellingRemoval>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TravellingRemoval {
    pub(super) method: String,
    pub(super) params: String,
    pub(super) made: i64,
}

/// A message as it travels: its data stands behind the list, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Travelling {
    pub(super) account: String,
    pub(super) hash: String,
    pub(super) namespace: i16,
    pub(super) timestamp: i64,
    pub(super) expiry: i64,
    pub(super) stored: i64,
    /// Bytes of data.
    pub(super) size: usize,
}

/// Messages as one body: u32 little endian N | N bytes JSON list | the data of all.
pub(super) fn write_messages(messages: Vec<(Account, Message)>) -> Vec<u8> {
    let list: Vec<Travelling> = messages
        .iter()
        .map(|(account, message)| Travelling {
            account: account.to_string(),
            hash: message.hash.clone(),
            namespace: message.namespace,
            timestamp: message.timestamp,
            expiry: message.expiry,
            stored: message.stored,
            size: message.data.len(),
        })
        .collect();
    let list = serde_json::to_vec(&list).unwrap_or_default();
    let mut out = u32::try_from(list.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    out.extend_from_slice(&list);
    for (_, message) in messages {
        out.extend_from_slice(&message.data);
    }
    out
}

/// The messages of such a body; none if it is no such body.
pub(super) fn read_messages(bytes: &[u8]) -> Option<Vec<(Account, Message)>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (list, mut rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let list: Vec<Travelling> = serde_json::from_slice(list).ok()?;
    let mut messages = Vec::with_capacity(list.len());
    for Travelling { account, hash, namespace, timestamp, expiry, stored, size } in list {
        let (data, behind) = rest.split_at_checked(size)?;
        rest = behind;
        let message = Message { hash, namespace, timestamp, expiry, stored, data: data.to_vec() };
        messages.push((Account::parse(&account)?, message));
    }
    rest.is_empty().then_some(messages)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written_and_cut_bodies_are_not() {
        let message = |n: u8, size| Message {
            hash: format!("hash {n}"),
            namespace: -11,
            timestamp: 1,
            expiry: 2,
            stored: 3,
            data: vec![n; size],
        };
        let account = Account { prefix: 5, key: [9; 32] };
        let messages = vec![(account, message(1, 10)), (account, message(2, 0)), (account, message(3, 700))];
        let body = write_messages(messages.clone());
        assert_eq!(read_messages(&body).unwrap(), messages);
        for cut in [0, 3, 4, 50, body.len() - 1] {
            assert_eq!(read_messages(body.get(..cut).unwrap()), None, "{cut}");
        }
        assert_eq!(read_messages(&[body, vec![0]].concat()), None);
        assert_eq!(read_messages(&write_messages(Vec::new())).unwrap(), []);
    }
}
