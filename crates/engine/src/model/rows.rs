//! The rows of the client's store and their keys. Layouts are frozen by the snapshot tests below.

use serde::{Deserialize, Serialize};
use zwiebel_crypto::keys::{Ed25519Public, X25519Public};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::Namespace;

use crate::view::{Expiry, Mark, MessageId, SendFailure, SendState};

pub(crate) mod first;

/// Single row `profile`: how the own account presents itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProfileRow {
    pub(crate) display_name: String,
    /// Network time in seconds of the last change.
    pub(crate) updated_s: u64,
}

/// Single row `restore`: a restore that is not finished.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RestoreRow {
    /// Swarm members that were read to their end.
    pub(crate) finished: Vec<[u8; 32]>,
    pub(crate) messages: u32,
    pub(crate) percent: u8,
}

/// A person (session-messages 5.4, 5.8).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContactRow {
    pub(crate) display_name: String,
    pub(crate) nickname: String,
    pub(crate) picture_url: String,
    /// Opens the picture.
    pub(crate) picture_key: Option<[u8; 32]>,
    pub(crate) profile_updated_s: Option<u64>,
    pub(crate) approved: bool,
    pub(crate) approved_me: bool,
    pub(crate) blocked: bool,
}

/// What belongs to a conversation but to no message.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConversationRow {
    pub(crate) created_ms: u64,
    pub(crate) draft: String,
    pub(crate) pinned: bool,
    pub(crate) muted: bool,
    pub(crate) listed: bool,
    /// Muted until then (Unix seconds); 0 for not. Set by other clients, this one mutes for good.
    pub(crate) muted_until_s: u64,
    /// Disappearing messages.
    pub(crate) expiry: Expiry,
    /// Everything sent up to then was read, on whatever device.
    pub(crate) last_read_ms: u64,
    pub(crate) marked_unread: bool,
}

/// One message; its key is the [`MessageId`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub(crate) with: AccountId,
    pub(crate) body: String,
    pub(crate) quote: Option<MessageId>,
    /// Who reacted with what, in order of arrival; one entry per (person, emoji).
    pub(crate) reactions: Vec<(AccountId, String)>,
    pub(crate) deleted: bool,
    pub(crate) unread: bool,
    /// Only for outgoing ones.
    pub(crate) state: Option<SendState>,
    /// Its hash in the own swarm (for outgoing ones: of the sync copy).
    pub(crate) hash: Option<String>,
    pub(crate) expires: Option<ExpiresRow>,
    pub(crate) mark: Mark,
}

/// A message that disappears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExpiresRow {
    /// Never off.
    pub(crate) after: Expiry,
    /// Network time; `None` until its time starts.
    pub(crate) at_ms: Option<u64>,
}

/// A sealed message that a swarm must still take.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutboxRow {
    /// Whose swarm.
    pub(crate) to: AccountId,
    pub(crate) what: Outgoing,
    pub(crate) sealed: Sealed,
    pub(crate) ttl_ms: u64,
    /// Network time of its making.
    pub(crate) created_ms: u64,
    /// Given up; kept so that `Retry` can send the same bytes.
    pub(crate) failed: bool,
    /// Goes to the own swarm once `to`'s swarm took the message.
    pub(crate) sync: Option<Sealed>,
}

/// Bytes that are never sealed again: a second sealing would be a second message.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) data: Vec<u8>,
    pub(crate) hash: String,
}

/// What an outbox entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outgoing {
    Message(MessageId),
    /// Reaction, receipt, answer to a request, deletion: nothing to show when it leaves.
    Control,
    /// Copy for the own devices.
    Sync,
    /// Worth nothing after a few seconds; never written to the store.
    Typing,
    /// Not a message: these hashes are to be deleted from the own swarm.
    Delete(Vec<String>),
    /// Not a message: this one is to be kept in the own swarm until then (network time) at most.
    Shorten {
        hash: String,
        at_ms: u64,
    },
    /// A store of the session manager, by its number.
    Secret {
        namespace: i16,
        number: u64,
    },
}

impl Outgoing {
    /// The namespace whose entries wait for each other.
    pub(crate) const fn line(&self) -> Namespace {
        match self {
            Self::Secret { namespace, .. } => Namespace(*namespace),
            _ => Namespace::MESSAGES,
        }
    }
}

impl OutboxRow {
    pub(crate) const fn is_durable(&self) -> bool {
        !matches!(self.what, Outgoing::Typing)
    }
}

/// Something about a message that has not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orphan {
    pub(crate) target: MessageId,
    pub(crate) from: AccountId,
    pub(crate) what: OrphanKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OrphanKind {
    Unsent,
    Reaction { emoji: String, remove: bool },
    Read,
}

/// Where polling of one namespace stands at one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CursorRow {
    pub(crate) last_hash: String,
}

/// A service node as kept in the row `nodes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NodeRow {
    pub(crate) ed25519: [u8; 32],
    pub(crate) x25519: [u8; 32],
    pub(crate) ip: [u8; 4],
    pub(crate) port: u16,
    pub(crate) swarm: u64,
}

impl NodeRow {
    pub(crate) const fn key(&self) -> Ed25519Public {
        Ed25519Public(self.ed25519)
    }

    pub(crate) const fn sealing_key(&self) -> X25519Public {
        X25519Public(self.x25519)
    }

    pub(crate) const fn subnet(&self) -> [u8; 3] {
        let [a, b, c, _] = self.ip;
        [a, b, c]
    }

    pub(crate) fn address(&self) -> String {
        let [a, b, c, d] = self.ip;
        format!("{a}.{b}.{c}.{d}:{}", self.port)
    }
}

/// Single row `nodes`: the list several nodes agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodesRow {
    pub(crate) nodes: Vec<NodeRow>,
    pub(crate) agreed_ms: u64,
}

/// Single row `guards`, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GuardsRow {
    pub(crate) guards: Vec<GuardRow>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GuardRow {
    pub(crate) ed25519: [u8; 32],
    pub(crate) since_ms: u64,
}

/// Single row `network`: which network the rows belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: u8,
}

pub(crate) const FAILED_NOT_REACHED: SendState = SendState::Failed(SendFailure::NotReached);
pub(crate) const FAILED_REFUSED: SendState = SendState::Failed(SendFailure::Refused);

pub(crate) fn account_bytes(id: &AccountId) -> Vec<u8> {
    id.to_bytes().to_vec()
}

pub(crate) fn account_key(bytes: &[u8]) -> Option<AccountId> {
    let bytes: [u8; 33] = bytes.try_into().ok()?;
    let [AccountId::PREFIX, key @ ..] = bytes else { return None };
    Some(AccountId::from_key(X25519Public(key)))
}

/// Sent time first, so that a store that sorts keys gives messages in order.
pub(crate) fn message_bytes(id: &MessageId) -> Vec<u8> {
    let mut out = id.sent_ms.to_be_bytes().to_vec();
    out.extend_from_slice(&id.author.to_bytes());
    out
}

pub(crate) fn message_id(bytes: &[u8]) -> Option<MessageId> {
    let (sent, author) = bytes.split_first_chunk::<8>()?;
    Some(MessageId { sent_ms: u64::from_be_bytes(*sent), author: account_key(author)? })
}

pub(crate) fn number_bytes(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

pub(crate) fn cursor_bytes(node: &Ed25519Public, namespace: i16) -> Vec<u8> {
    let mut out = node.0.to_vec();
    out.extend_from_slice(&namespace.to_be_bytes());
    out
}

pub(crate) fn cursor_id(bytes: &[u8]) -> Option<(Ed25519Public, i16)> {
    let (node, namespace) = bytes.split_first_chunk::<32>()?;
    Some((Ed25519Public(*node), i16::from_be_bytes(namespace.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::batch::Table;
    use crate::net::trust::OperatorRow;
    use crate::net::ways::WaysRow;
    use crate::row::{RowError, decode, decode_either, encode};
    use crate::view::{Settings, Way};

    fn person(n: u8) -> AccountId {
        AccountId::from_key(X25519Public([n; 32]))
    }

    /// One example of every row. If this changes, stores out there cannot be read: raise the row version and read both.
    #[test]
    fn layouts_are_frozen() {
        let id = MessageId { sent_ms: 1_800_000_000_123, author: person(1) };
        let message = MessageRow {
            with: person(2),
            body: "body".into(),
            quote: Some(id),
            reactions: vec![(person(3), "🧅".into())],
            deleted: false,
            unread: true,
            state: Some(SendState::Failed(SendFailure::Refused)),
            hash: Some("hash".into()),
            expires: Some(ExpiresRow { after: Expiry::AfterRead(60), at_ms: Some(8) }),
            mark: Mark::Open,
        };
        let sealed = Sealed { data: vec![1, 2, 3], hash: "hash".into() };
        let outbox = |what| OutboxRow {
            to: person(2),
            what,
            sealed: sealed.clone(),
            ttl_ms: 1,
            created_ms: 2,
            failed: true,
            sync: Some(sealed.clone()),
        };
        let contact = ContactRow {
            display_name: "name".into(),
            nickname: "nick".into(),
            picture_url: "url".into(),
            picture_key: Some([6; 32]),
            profile_updated_s: Some(7),
            approved: true,
            approved_me: false,
            blocked: true,
        };
        let conversation = ConversationRow {
            created_ms: 9,
            draft: "draft".into(),
            pinned: true,
            muted: false,
            listed: true,
            muted_until_s: 10,
            expiry: Expiry::AfterSend(60),
            last_read_ms: 11,
            marked_unread: true,
        };
        let orphans = vec![
            Orphan { target: id, from: person(4), what: OrphanKind::Unsent },
            Orphan { target: id, from: person(4), what: OrphanKind::Reaction { emoji: "e".into(), remove: true } },
            Orphan { target: id, from: person(4), what: OrphanKind::Read },
        ];
        let node = NodeRow { ed25519: [5; 32], x25519: [6; 32], ip: [1, 2, 3, 4], port: 22021, swarm: u64::MAX - 1 };
        let ways = WaysRow {
            gateways: vec!["https://a".into()],
            direct: vec![([5; 32], "https://b".into())],
            preferred: Some(Way::Gateway("https://a".into())),
        };
        let lines = [
            ("contact", encode(Table::Contact, &contact)),
            ("conversation", encode(Table::Conversation, &conversation)),
            ("cursor", encode(Table::Cursor, &CursorRow { last_hash: "hash".into() })),
            ("cursor key", cursor_bytes(&Ed25519Public([8; 32]), -11).into()),
            ("guards", encode(Table::Meta, &GuardsRow { guards: vec![GuardRow { ed25519: [5; 32], since_ms: 3 }] })),
            ("message", encode(Table::Message, &message)),
            ("message key", message_bytes(&id).into()),
            ("network", encode(Table::Meta, &NetworkRow { id: "id".into(), name: "name".into(), kind: 2 })),
            ("nodes", encode(Table::Meta, &NodesRow { nodes: vec![node], agreed_ms: 4 })),
            ("operator", encode(Table::Meta, &OperatorRow { key: [7; 32], serial: 8, members: vec![[9; 32]] })),
            ("orphans", encode(Table::Meta, &orphans)),
            ("outbox message", encode(Table::Outbox, &outbox(Outgoing::Message(id)))),
            ("outbox control", encode(Table::Outbox, &outbox(Outgoing::Control))),
            ("outbox sync", encode(Table::Outbox, &outbox(Outgoing::Sync))),
            ("outbox delete", encode(Table::Outbox, &outbox(Outgoing::Delete(vec!["hash".into()])))),
            ("profile", encode(Table::Meta, &ProfileRow { display_name: "name".into(), updated_s: 5 })),
            ("restore", encode(Table::Meta, &RestoreRow { finished: vec![[1; 32]], messages: 6, percent: 50 })),
            ("settings", encode(Table::Meta, &Settings { read_receipts: true, typing_indicators: false })),
            ("ways", encode(Table::Meta, &ways)),
        ];
        let text: Vec<String> = lines.iter().map(|(name, bytes)| format!("{name}: {}", hex::encode(bytes))).collect();
        insta::assert_snapshot!(text.join("\n"));
    }

    /// The rows of the first releases, as the test above once had them.
    #[test]
    fn rows_of_the_first_version_are_read() {
        let read = |text: &str| hex::decode(text).unwrap();
        let contact: ContactRow =
            decode_either::<first::ContactRow, _>(Table::Contact, &read("01046e616d65046e69636b0375726c0107010001"))
                .unwrap();
        assert!(contact.nickname == "nick" && contact.blocked && contact.profile_updated_s == Some(7));
        let conversation: ConversationRow =
            decode_either::<first::ConversationRow, _>(Table::Conversation, &read("0109056472616674010001")).unwrap();
        assert!(conversation.draft == "draft" && conversation.listed && conversation.expiry == Expiry::Off);
        let person = "01".repeat(32);
        let message = format!(
            "01{w}04626f647901fba0f1c2b134{person}01{r}04f09fa7850001010301010468617368",
            w = "02".repeat(32),
            r = "03".repeat(32)
        );
        let message: MessageRow = decode_either::<first::MessageRow, _>(Table::Message, &read(&message)).unwrap();
        assert!(message.body == "body" && message.unread && message.expires.is_none());
        let mut earlier = encode(Table::Message, &MessageRow { mark: Mark::Open, ..message.clone() });
        *earlier.first_mut().unwrap() = 3;
        let read: MessageRow = decode_either::<first::MessageRow, _>(Table::Message, &earlier).unwrap();
        assert!(read.mark == Mark::Open);
        *earlier.first_mut().unwrap() = 2;
        earlier.pop();
        let read: MessageRow = decode_either::<first::MessageRow, _>(Table::Message, &earlier).unwrap();
        assert!(read == message && read.mark == Mark::None);
        assert!(
            decode_either::<first::ContactRow, ContactRow>(Table::Contact, &encode(Table::Contact, &contact)).is_ok()
        );
    }

    #[test]
    fn rows_and_keys_come_back() {
        let id = MessageId { sent_ms: 5, author: person(7) };
        assert_eq!(message_id(&message_bytes(&id)), Some(id));
        let cursor = (Ed25519Public([8; 32]), -11);
        assert_eq!(cursor_id(&cursor_bytes(&cursor.0, cursor.1)), Some(cursor));
        assert_eq!(number(&number_bytes(77)), Some(77));
        let profile = ProfileRow { display_name: "name".into(), updated_s: 5 };
        assert_eq!(decode(Table::Meta, &encode(Table::Meta, &profile)), Ok(profile));
    }

    #[test]
    fn damaged_and_newer_rows_are_told_apart() {
        let mut bytes = encode(Table::Cursor, &CursorRow { last_hash: "hash".into() });
        bytes.push(0);
        assert_eq!(decode::<CursorRow>(Table::Cursor, &bytes), Err(RowError::Damaged(Table::Cursor)));
        bytes.pop();
        *bytes.first_mut().unwrap() = 9;
        assert_eq!(decode::<CursorRow>(Table::Cursor, &bytes), Err(RowError::Newer(Table::Cursor)));
        assert_eq!(decode::<CursorRow>(Table::Cursor, &[]), Err(RowError::Damaged(Table::Cursor)));
    }
}
