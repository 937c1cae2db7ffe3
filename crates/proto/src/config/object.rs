//! The life of one config: edits, merges, pushes (session-config 4, 5.3, 7.1).
//!
//! Knows no fields: those are views on top. Four rules differ from the reference, all so that nothing is lost:
//! * only hashes computed here from received or written bytes are ever named, as current or as obsolete, and a
//!   [`Push`] cannot name what it stores (5.3 describes the fault this excludes);
//! * a message read back that is our own confirms it;
//! * edits that no other device has seen are made again if a merge dropped them without a rival edit: because they are
//!   too old by their number, or because the whole diff of a merge by the reference (5.3) covered them;
//! * our own merges have no such diff.

use super::diff::{self, Diff};
use super::merge::{self, Merged};
use super::message::{Encoded, Message, Version};
use super::multipart::{Added, Part, Parts};
use super::push::{Push, Receipt};
use super::report::{Ignored, MergeReport};
use super::tree::{self, Dict, Value};
use super::{ConfigError, Kind, multipart, seal, wrap};
use crate::account::Account;
use crate::sorted::SortedSet;
use crate::storage_rpc::{MAX_MESSAGE, MessageHash, Namespace, message_hash};

/// The most hashes kept for deletion; more than a config in parts has.
const MAX_OBSOLETE: usize = 600;
/// The most copies of the present version whose hashes are kept, beyond those of its own parts.
const MAX_COPIES: usize = 4;

/// A config of any kind.
#[derive(Clone)]
pub struct Object {
    pub(super) kind: Kind,
    pub(super) state: State,
    /// Where the present version is stored; empty unless [`State::Clean`].
    pub(super) current: SortedSet<MessageHash>,
    /// What is stored and superseded. Never holds a current one.
    pub(super) obsolete: SortedSet<MessageHash>,
    pub(super) parts: Parts,
    pub(super) needs_dump: bool,
}

/// How the present version relates to the swarm.
#[derive(Clone)]
pub(super) enum State {
    /// Equals what is stored.
    Clean(Encoded),
    /// Being edited; its diff is not known yet.
    Dirty(Message, Edits),
    /// Handed out by a push that is not confirmed.
    Waiting(Encoded, Edits),
}

/// What is known of edits that may not have reached anybody.
#[derive(Clone, Default)]
pub(super) struct Edits {
    /// The data the diff of this sequence number starts from.
    pub(super) before: Dict,
    /// The data the other devices are known to have.
    pub(super) shared: Dict,
    /// An earlier version of ours whose push was not confirmed, with its data.
    pub(super) pushed: Option<(Version, Dict)>,
}

/// A message of the input that can be merged, and where it is stored.
struct Candidate {
    encoded: Encoded,
    hashes: Vec<MessageHash>,
}

/// What one input turned out to be.
enum Opened {
    Message(Candidate),
    /// Belongs to a set that is not complete, or was complete before.
    Part,
}

impl Object {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            state: State::Clean(Message::initial().encode()),
            current: SortedSet::new(),
            obsolete: SortedSet::new(),
            parts: Parts::default(),
            needs_dump: false,
        }
    }

    /// The namespace it is stored in.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        self.kind.namespace
    }

    /// The whole tree.
    #[must_use]
    pub const fn data(&self) -> &Dict {
        match &self.state {
            State::Clean(encoded) | State::Waiting(encoded, _) => &encoded.message.data,
            State::Dirty(message, _) => &message.data,
        }
    }

    /// The sequence number of the present version; 0 if there never was any.
    #[must_use]
    pub const fn seqno(&self) -> i64 {
        match &self.state {
            State::Clean(encoded) | State::Waiting(encoded, _) => encoded.message.seqno,
            State::Dirty(message, _) => message.seqno,
        }
    }

    /// Whether there is something the swarm does not have, as far as is known.
    #[must_use]
    pub const fn needs_push(&self) -> bool {
        !matches!(self.state, State::Clean(_))
    }

    /// Whether it was changed since the last push was handed out.
    #[must_use]
    pub const fn has_edits(&self) -> bool {
        matches!(self.state, State::Dirty(..))
    }

    /// Whether the dump in the store is out of date.
    #[must_use]
    pub const fn needs_dump(&self) -> bool {
        self.needs_dump
    }

    /// What must stay stored: extend its time to live on each poll. Empty while a push is unconfirmed.
    #[must_use]
    pub fn active_hashes(&self) -> SortedSet<MessageHash> {
        self.current.iter().chain(self.parts.pending()).copied().collect()
    }

    /// Sets or removes a value; writing what is there already changes nothing. For keys that no view knows.
    pub fn set(&mut self, path: &[&[u8]], key: &[u8], value: Option<Value>) {
        let present = tree::dict_at(self.data(), path).and_then(|dict| dict.get(key));
        if present != value.as_ref() {
            tree::set_at(self.edit(), path, key, value);
        }
    }

    /// The data for writing: a new version unless one is being made already (4).
    fn edit(&mut self) -> &mut Dict {
        let next = match &self.state {
            State::Dirty(..) => None,
            State::Clean(encoded) => {
                let data = encoded.message.data.clone();
                Some((encoded.next(), Edits { before: data.clone(), shared: data, pushed: None }))
            }
            State::Waiting(encoded, edits) => {
                let data = encoded.message.data.clone();
                let pushed = Some((encoded.version, data.clone()));
                Some((encoded.next(), Edits { before: data, shared: edits.shared.clone(), pushed }))
            }
        };
        if let Some((message, edits)) = next {
            self.state = State::Dirty(message, edits);
            self.obsolete.append(&mut self.current);
        }
        self.needs_dump = true;
        match &mut self.state {
            State::Dirty(message, _) => &mut message.data,
            State::Clean(encoded) | State::Waiting(encoded, _) => &mut encoded.message.data, // not reached
        }
    }

    /// The present version as it would be stored.
    pub(super) fn encoded(&self) -> Encoded {
        match &self.state {
            State::Clean(encoded) | State::Waiting(encoded, _) => encoded.clone(),
            State::Dirty(message, edits) => {
                let mut message = message.clone();
                tree::prune(&mut message.data);
                message.diff = diff::between(&edits.before, &message.data);
                message.encode()
            }
        }
    }

    // Pushing

    /// Hands out the present version, if it is not stored yet. Until it is confirmed it hands out the same again.
    ///
    /// # Errors
    /// [`ConfigError::TooLarge`]; nothing has changed then.
    pub fn push(&mut self, account: &Account) -> Result<Option<Push>, ConfigError> {
        if !self.needs_push() {
            return Ok(None);
        }
        let push = self.push_again(account)?;
        if let State::Dirty(_, edits) = &self.state {
            self.state = State::Waiting(self.encoded(), edits.clone());
            self.needs_dump = true;
        }
        Ok(Some(push))
    }

    /// The present version, stored or not: to store again what the swarm lost.
    ///
    /// # Errors
    /// [`ConfigError::TooLarge`].
    pub fn push_again(&self, account: &Account) -> Result<Push, ConfigError> {
        let encoded = self.encoded();
        let pubkey = account.id().to_bytes();
        let messages = self.seal(account, &encoded)?.into_iter();
        let messages = messages.map(|data| (message_hash(&pubkey, self.kind.namespace, &data), data)).collect();
        Ok(Push::new(self.kind.namespace, encoded.version, messages, &self.obsolete))
    }

    /// The bytes to store (6): usually one message.
    fn seal(&self, account: &Account, encoded: &Encoded) -> Result<Vec<Vec<u8>>, ConfigError> {
        let encrypt = |plaintext: &[u8]| seal::encrypt(account.ed25519().seed(), self.kind.domain, plaintext);
        let padded = seal::pad(&seal::compress(&encoded.bytes));
        if !multipart::fits_one(&padded) {
            let parts = multipart::split(&padded).ok_or(ConfigError::TooLarge)?;
            return Ok(parts.iter().map(|part| encrypt(part)).collect());
        }
        let encrypted = encrypt(&padded);
        let wrapped = wrap::wrap(account, self.kind.wrap, encoded.version.seqno, encrypted.clone());
        Ok(vec![wrapped.filter(|wrapped| wrapped.len() <= MAX_MESSAGE).unwrap_or(encrypted)])
    }

    /// Everything of the push was stored and deleted.
    pub fn confirm_pushed(&mut self, receipt: &Receipt) {
        self.needs_dump = true;
        self.obsolete.retain(|hash| !receipt.obsolete.contains(hash));
        let known = match &self.state {
            State::Clean(encoded) | State::Waiting(encoded, _) if encoded.version == receipt.version => {
                self.state = State::Clean(encoded.clone());
                self.current.extend(&receipt.stored);
                true
            }
            State::Clean(encoded) | State::Waiting(encoded, _) => encoded.message.lags.contains_key(&receipt.version),
            State::Dirty(message, edits) => {
                let known = message.lags.contains_key(&receipt.version);
                if let Some((_, data)) = edits.pushed.clone().filter(|(version, _)| *version == receipt.version) {
                    let edits = Edits { before: edits.before.clone(), shared: data, pushed: None };
                    self.state = State::Dirty(message.clone(), edits);
                }
                known
            }
        };
        if known {
            self.obsolete.extend(&receipt.stored);
        }
        self.settle();
    }

    /// The push certainly did not leave the device: the version may still be edited.
    pub fn abandon_push(&mut self, receipt: &Receipt) {
        if let State::Waiting(encoded, edits) = &self.state
            && encoded.version == receipt.version
        {
            self.state = State::Dirty(encoded.message.clone(), edits.clone());
            self.needs_dump = true;
        }
    }

    /// What is current is not obsolete, and neither grows without bound: a node could show old versions in ever other
    /// shells. What is forgotten here is not deleted but expires.
    fn settle(&mut self) {
        self.obsolete.retain(|hash| !self.current.contains(hash));
        while self.obsolete.len() > MAX_OBSOLETE {
            self.obsolete.pop_last();
        }
    }

    // Merging

    /// Takes in stored messages, with the hashes a node gave them: all there are of the namespace at once.
    pub fn merge(&mut self, account: &Account, inputs: &[(MessageHash, &[u8])], now_ms: u64) -> MergeReport {
        let mut report = MergeReport::default();
        if self.parts.expire(now_ms) {
            self.needs_dump = true;
        }
        let mut candidates = Vec::new();
        for (hash, stored) in inputs {
            match self.open(account, hash, stored, now_ms) {
                Ok(Opened::Message(candidate)) => candidates.push(candidate),
                Ok(Opened::Part) => self.needs_dump = true,
                Err(why) => {
                    report.ignored.push((*hash, why));
                    continue;
                }
            }
            report.accepted.push(*hash);
        }
        if !candidates.is_empty() {
            let before = self.data().clone();
            self.merge_candidates(&candidates);
            self.settle();
            self.needs_dump = true;
            report.changed = *self.data() != before;
        }
        report
    }

    /// Undoes everything around one stored message (5.3 step 2).
    fn open(&mut self, account: &Account, given: &MessageHash, stored: &[u8], now_ms: u64) -> Result<Opened, Ignored> {
        if stored.len() > MAX_MESSAGE {
            return Err(Ignored::Damaged);
        }
        let hash = message_hash(&account.id().to_bytes(), self.kind.namespace, stored);
        let encrypted = wrap::unwrap(account, self.kind.wrap, stored);
        let padded = seal::decrypt(account.ed25519().seed(), self.kind.domain, &encrypted).ok_or(Ignored::Damaged)?;
        let body = seal::unpad(&padded);
        if body.first() != Some(&multipart::PART) {
            // Under a false name the contents are as good, but the name is good for nothing.
            let hashes = (hash == *given).then_some(hash).into_iter().collect();
            return Ok(Opened::Message(Candidate { encoded: decode_body(body)?, hashes }));
        }
        let part = Part::decode(body).ok_or(Ignored::Damaged)?;
        match self.parts.add(part, hash, now_ms) {
            Added::Complete(whole, hashes) => {
                self.needs_dump = true;
                Ok(Opened::Message(Candidate { encoded: decode_body(seal::unpad(&whole))?, hashes }))
            }
            Added::Invalid => Err(Ignored::Damaged),
            Added::Kept => Ok(Opened::Part),
        }
    }

    /// Steps 3 to 5 of 5.3.
    fn merge_candidates(&mut self, candidates: &[Candidate]) {
        let own = (self.seqno() != 0).then(|| self.encoded());
        let all: Vec<&Encoded> = own.iter().chain(candidates.iter().map(|candidate| &candidate.encoded)).collect();
        let Some(merged) = merge::merge(&all) else { return };
        let unseen = own.as_ref().and_then(|own| self.unseen_edits(own, candidates));
        let winner = match &merged {
            Merged::Unchanged(index) => all.get(*index).map(|winner| winner.version),
            Merged::New(_) => None,
        };
        let own_stays = winner.is_some() && winner == own.as_ref().map(|own| own.version);

        if !own_stays {
            self.obsolete.append(&mut self.current);
        }
        let mut stored_as_winner = false;
        for candidate in candidates {
            let is_winner = Some(candidate.encoded.version) == winner;
            stored_as_winner |= is_winner;
            if !is_winner {
                self.obsolete.extend(&candidate.hashes);
            } else if candidate.hashes.len() > 1 || self.current.len() < MAX_COPIES {
                self.current.extend(&candidate.hashes);
            }
        }
        match merged {
            Merged::Unchanged(_) if own_stays && !stored_as_winner => return,
            Merged::Unchanged(index) => {
                let Some(winner) = all.get(index) else { return };
                self.state = State::Clean((*winner).clone());
            }
            Merged::New(message) => self.adopt_merge(message, candidates),
        }
        if let Some((base, data)) = unseen {
            self.make_again(&base, &data);
        }
    }

    /// A version made by merging: it has to be pushed. Its own diff is empty.
    ///
    /// The reference writes the diff of the whole data here, unless edits were pending. Such a diff claims every key,
    /// and when that version meets a third one, edits of keys it never meant to touch are lost (a test shows it). The
    /// price of not doing so: with a device of the reference merging the same at the same moment, one more merge.
    fn adopt_merge(&mut self, message: Message, candidates: &[Candidate]) {
        let other = candidates.iter().map(|candidate| &candidate.encoded).max_by_key(|encoded| encoded.version);
        let shared = other.map(|encoded| encoded.message.data.clone()).unwrap_or_default();
        let before = message.data.clone();
        self.state = State::Dirty(message, Edits { before, shared, pushed: None });
    }

    /// What others had before our edits and what we made of it, if no message shows that they have seen it.
    fn unseen_edits(&self, own: &Encoded, candidates: &[Candidate]) -> Option<(Dict, Dict)> {
        let (State::Dirty(_, edits) | State::Waiting(_, edits)) = &self.state else { return None };
        let seen = |version: &Version| {
            let knows = |other: &Encoded| other.version == *version || other.message.lags.contains_key(version);
            candidates.iter().any(|candidate| knows(&candidate.encoded))
        };
        if seen(&own.version) {
            return None;
        }
        let pushed = edits.pushed.as_ref().filter(|(version, _)| seen(version));
        let base = pushed.map_or(&edits.shared, |(_, data)| data);
        Some((base.clone(), own.message.data.clone()))
    }

    /// Makes the edits from `base` to `mine` again where the merged data shows no trace of an edit.
    fn make_again(&mut self, base: &Dict, mine: &Dict) {
        let merged = self.data();
        let lost = unrivalled(&diff::between(base, mine), &diff::between(base, merged), base, merged);
        let mut data = merged.clone();
        diff::apply(&lost, mine, &mut data);
        tree::prune(&mut data);
        if data != *merged {
            *self.edit() = data;
        }
    }
}

/// `mine` without the keys that `theirs` changes too and without what they removed as a whole.
fn unrivalled(mine: &Diff, theirs: &Diff, base: &Dict, result: &Dict) -> Diff {
    use crate::bencode::Bencode;

    let keep = |(key, change): (&Vec<u8>, &Bencode)| {
        if base.contains_key(key) && !result.contains_key(key) {
            return None;
        }
        let change = match (change, theirs.get(key)) {
            (change, None) => change.clone(),
            (Bencode::Dict(mine), Some(Bencode::Dict(theirs))) => {
                let empty = Dict::new();
                let inner = |dict: &Dict| dict.get(key).and_then(Value::as_dict).cloned();
                let (base, result) = (inner(base).unwrap_or_default(), inner(result).unwrap_or(empty));
                Bencode::Dict(unrivalled(mine, theirs, &base, &result))
            }
            _ => return None,
        };
        (change != Bencode::Dict(Diff::new())).then(|| (key.clone(), change))
    };
    mine.iter().filter_map(keep).collect()
}

/// The message in an unpadded body that is no part.
fn decode_body(body: &[u8]) -> Result<Encoded, Ignored> {
    let plaintext = match body.split_first() {
        Some((&seal::COMPRESSED, frame)) => seal::decompress(frame).ok_or(Ignored::Damaged)?,
        Some((b'd', _)) => body.to_vec(),
        _ => return Err(Ignored::Newer),
    };
    if plaintext.len() > seal::MAX_PLAINTEXT {
        return Err(Ignored::Damaged);
    }
    Encoded::decode(plaintext).map_err(|error| match error {
        ConfigError::Incompatible => Ignored::Newer,
        _ => Ignored::Damaged,
    })
}
