//! The history of the account for another of its devices (forward-secrecy 5.4): the messages of the last days, cut into
//! parts that fit one envelope each. What a device is sent stays there; keys never travel.
//!
//! Messages that disappear, and those that never left, are left out.

use serde::{Deserialize, Serialize};
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedSet;

use crate::clock::DAY_MS;
use crate::engine::{Cx, Engine};
use crate::model::rows::MessageRow;
use crate::view::{Mark, MessageId, SendState};
use crate::zr1::MAX_HISTORY_PART;

/// The farthest back a history goes.
const MAX_DAYS: u16 = 14;

/// The most parts of one history; the newest messages go first.
const MAX_PARTS: usize = 40;

/// The first byte of a part of all messages, whose layout does not change. Other parts are left alone by those who do
/// not know them.
const ALL: u8 = 1;

/// The first bytes of parts of those that bear a mark: they are among all messages, too, for devices that do not know it, and
/// either may come first.
const MARKED: [(u8, Mark); 3] = [(2, Mark::Open), (3, Mark::Unconfirmed), (4, Mark::Relayed)];

/// What one part says.
#[derive(Default, Serialize, Deserialize)]
struct Part {
    /// Names of people who are no contacts: nothing else tells them.
    names: Vec<(AccountId, String)>,
    messages: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    id: MessageId,
    with: AccountId,
    body: String,
    quote: Option<MessageId>,
    reactions: Vec<(AccountId, String)>,
    deleted: bool,
    unread: bool,
    state: Option<SendState>,
}

impl Engine {
    /// Sends the messages of the last days to a device of the account.
    pub(crate) fn send_history(&mut self, cx: &mut Cx<'_>, device: DeviceId, days: u16) {
        let span = u64::from(days.min(MAX_DAYS)).saturating_mul(DAY_MS);
        let since = self.network_now(cx).saturating_sub(span);
        let mut parts = self.parts_since(since, ALL, |_| true);
        for (kind, mark) in MARKED {
            parts.extend(self.parts_since(since, kind, |row| row.mark == mark));
        }
        self.with_zr1(cx, |manager, m| {
            for part in parts {
                manager.send_history(device, part, m);
            }
        });
        self.settle_secrecy(cx, "");
    }

    fn parts_since(&self, since_ms: u64, kind: u8, is_meant: impl Fn(&MessageRow) -> bool) -> Vec<Vec<u8>> {
        let recent = self.model.index.iter().rev().take_while(|(id, _)| id.sent_ms >= since_ms);
        let rows = recent.filter_map(|(id, with)| Some((*id, *with, self.model.message(id)?.1)));
        let mut parts = Vec::new();
        let (mut part, mut size) = (Part::default(), 0_usize);
        let mut named = SortedSet::new();
        for (id, with, row) in rows.filter(|(_, _, row)| is_told(row) && is_meant(row)) {
            let contact = self.model.contact(&with);
            let name = (!contact.approved && named.insert(with)).then(|| (with, contact.display_name.clone()));
            let weight = weight(row) + name.as_ref().map_or(0, |(_, name)| name.len().saturating_add(40));
            if size.saturating_add(weight) > MAX_HISTORY_PART && !part.messages.is_empty() {
                parts.push(encode(kind, &std::mem::take(&mut part)));
                size = 0;
                if parts.len() >= MAX_PARTS {
                    return parts;
                }
            }
            size = size.saturating_add(weight);
            part.names.extend(name);
            part.messages.push(Entry::new(id, with, row));
        }
        if !part.messages.is_empty() {
            parts.push(encode(kind, &part));
        }
        parts
    }

    /// A part came from another device of the account.
    pub(crate) fn take_history(&mut self, cx: &mut Cx<'_>, bytes: &[u8]) {
        let Some((mark, part)) = decode(bytes) else {
            tracing::warn!("a part of the history is not understood");
            return;
        };
        for (who, name) in part.names {
            let mut contact = self.model.contact(&who);
            if contact.display_name.is_empty() && !name.is_empty() {
                contact.display_name = name;
                self.model.put_contact(&mut self.out, who, contact);
            }
        }
        let mut touched = SortedSet::new();
        for entry in part.messages {
            if let Some(with) = self.take_entry(entry, mark) {
                touched.insert(with);
            }
        }
        let open = self.live.open.as_ref().is_some_and(|open| touched.contains(&open.with));
        for with in touched {
            let newest = self.model.threads.get(&with).and_then(|thread| thread.last()).map_or(0, |(id, _)| id.sent_ms);
            let may_list = self.may_list(&with, newest);
            self.change_conversation(cx, with, |row| row.listed |= may_list);
        }
        if open {
            self.emit_timeline();
        }
    }

    /// Files a message that is not here yet, or marks it; gives its conversation.
    fn take_entry(&mut self, entry: Entry, mark: Mark) -> Option<AccountId> {
        let Entry { id, with, body, quote, reactions, deleted, unread, state } = entry;
        let own = self.model.own_id()?;
        let outgoing = id.author == own;
        let fits = outgoing || id.author == with;
        if let Some((_, row)) = self.model.message(&id) {
            let marks = mark != Mark::None && row.mark == Mark::None;
            if marks {
                self.model.change_message(&mut self.out, id, |row| row.mark = mark);
            }
            return marks.then_some(with);
        }
        if !fits || self.model.contact(&with).blocked {
            return None;
        }
        if outgoing {
            self.model.stamps.note(id.sent_ms);
            self.approve_silently(with);
        } else {
            self.wrote_to_us(with, None);
        }
        let unread = unread && !outgoing && id.sent_ms > self.last_read_ms(&with);
        let state = outgoing.then_some(state.unwrap_or(SendState::Sent));
        let row = MessageRow { with, body, quote, reactions, deleted, unread, state, hash: None, expires: None, mark };
        let unsent = self.add_with_orphans(id, row);
        (!unsent).then_some(with)
    }
}

impl Entry {
    fn new(id: MessageId, with: AccountId, row: &MessageRow) -> Self {
        // The device that sent it goes on sending it; for others it has left.
        let state = row.state.map(|state| if state == SendState::Sending { SendState::Sent } else { state });
        Self {
            id,
            with,
            body: row.body.clone(),
            quote: row.quote,
            reactions: row.reactions.clone(),
            deleted: row.deleted,
            unread: row.unread,
            state,
        }
    }
}

fn is_told(row: &MessageRow) -> bool {
    row.expires.is_none() && !matches!(row.state, Some(SendState::Failed(_)))
}

/// More than its entry takes.
fn weight(row: &MessageRow) -> usize {
    let reactions: usize = row.reactions.iter().map(|(_, emoji)| emoji.len().saturating_add(40)).sum();
    row.body.len().saturating_add(reactions).saturating_add(160)
}

fn encode(kind: u8, part: &Part) -> Vec<u8> {
    postcard::to_extend(part, vec![kind]).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Option<(Mark, Part)> {
    let (kind, rest) = bytes.split_first()?;
    let known = [(ALL, Mark::None)].into_iter().chain(MARKED);
    let (_, mark) = known.into_iter().find(|(known, _)| known == kind)?;
    match postcard::take_from_bytes(rest) {
        Ok((part, [])) => Some((mark, part)),
        _ => None,
    }
}
