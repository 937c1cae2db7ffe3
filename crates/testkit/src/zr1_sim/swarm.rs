//! The swarms of all accounts together: what was stored where and from when on it is seen. An outbox keeps one value;
//! older ones are what a node may still show.

use std::collections::{BTreeMap, BTreeSet};

use zwiebel_engine::zr1::Store;
use zwiebel_proto::account_id::AccountId;

/// Values of an outbox that nodes may still have.
const OLD_VALUES: usize = 3;

/// Bytes in a swarm.
#[derive(Clone)]
pub struct Blob {
    /// Names it for whoever reads the mailbox.
    pub number: u64,
    /// The bytes.
    pub data: Vec<u8>,
    pub(super) visible_ms: u64,
    pub(super) gone_ms: u64,
}

/// A store as somebody who watches the swarms has it for ever.
pub struct Recorded {
    /// Whose mailbox.
    pub to: AccountId,
    /// Which.
    pub namespace: i16,
    /// When.
    pub at_ms: u64,
    /// The bytes.
    pub data: Vec<u8>,
}

/// See the module.
#[derive(Default)]
pub struct Swarm {
    mail: BTreeMap<(AccountId, i16), Vec<Blob>>,
    next: u64,
    /// Everything that was ever stored into a mailbox.
    pub record: Vec<Recorded>,
}

impl Swarm {
    /// Stores bytes; seen after `delay_ms`. `again`: even if the same bytes are there.
    pub(super) fn put(&mut self, store: &Store, now_ms: u64, delay_ms: u64, again: bool) {
        self.next += 1;
        let blob = Blob {
            number: self.next,
            data: store.data.clone(),
            visible_ms: now_ms + delay_ms,
            gone_ms: now_ms + store.ttl_ms,
        };
        let values = self.mail.entry((store.to, store.namespace)).or_default();
        if store.namespace < 0 {
            let keep = values.len().saturating_sub(OLD_VALUES - 1);
            values.drain(..keep);
            values.push(blob);
            return;
        }
        if again || !values.iter().any(|other| other.data == blob.data) {
            values.push(blob);
            let (to, namespace, data) = (store.to, store.namespace, store.data.clone());
            self.record.push(Recorded { to, namespace, at_ms: now_ms, data });
        }
    }

    /// Values of an outbox that are there now, the newest last.
    #[must_use]
    pub fn outbox(&self, owner: &AccountId, namespace: i16, now_ms: u64) -> Vec<Vec<u8>> {
        self.seen(owner, namespace, now_ms).map(|blob| blob.data.clone()).collect()
    }

    /// What a mailbox holds now and the reader has not had.
    #[must_use]
    pub fn mailbox(&self, owner: &AccountId, namespace: i16, now_ms: u64, had: &BTreeSet<u64>) -> Vec<Blob> {
        self.seen(owner, namespace, now_ms).filter(|blob| !had.contains(&blob.number)).cloned().collect()
    }

    fn seen(&self, owner: &AccountId, namespace: i16, now_ms: u64) -> impl Iterator<Item = &Blob> {
        let values = self.mail.get(&(*owner, namespace)).map(Vec::as_slice).unwrap_or_default();
        values.iter().filter(move |blob| blob.visible_ms <= now_ms && blob.gone_ms > now_ms)
    }

    /// Forgets bytes of a mailbox.
    pub fn delete(&mut self, owner: &AccountId, namespace: i16, data: &[u8]) {
        if let Some(values) = self.mail.get_mut(&(*owner, namespace)) {
            values.retain(|blob| blob.data != data);
        }
    }

    /// What has run out is gone.
    pub(super) fn expire(&mut self, now_ms: u64) {
        self.mail.values_mut().for_each(|blobs| blobs.retain(|blob| blob.gone_ms > now_ms));
    }
}
