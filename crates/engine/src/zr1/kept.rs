//! Outgoing messages that are kept until somebody has them: stored, tried again, forgotten (6.1, 6.5).

use zwiebel_proto::account_id::AccountId;

use super::rows::{OutKind, OutRow, Stage, TargetStage, number_key};
use super::{Event, Manager, Moment};

impl Manager {
    /// Forgets a message that is not to be sent any more: deleted, or its time is over.
    pub fn forget(&mut self, to: &AccountId, id: &[u8; 16]) {
        let numbers: Vec<u64> =
            self.out.iter().filter(|(_, row)| row.to == *to && row.id == *id).map(|(number, _)| *number).collect();
        for number in numbers {
            let row = self.out.remove(&number);
            self.delete(number_key(number));
            // Whoever could not read it need not wait for it.
            for target in row.into_iter().flat_map(|row| row.targets) {
                for container in target.containers {
                    self.note_said((target.account, target.device), container);
                }
            }
        }
    }

    /// The same for a message of this conversation whose name begins with this time, as the engine gives them: one of
    /// ours, or one of `author` that is passed on.
    pub fn forget_message(&mut self, with: &AccountId, author: &AccountId, sent_ms: u64) {
        let begins = sent_ms.to_be_bytes();
        let is_meant = |row: &OutRow| match row.kind {
            OutKind::Forward { from } => from == *author,
            _ => row.to == *with && *author == self.own,
        };
        let named = self.out.values().filter(|row| row.id.starts_with(&begins) && is_meant(row));
        let named: Vec<(AccountId, [u8; 16])> = named.map(|row| (row.to, row.id)).collect();
        for (to, id) in named {
            self.forget(&to, &id);
        }
    }

    /// Tries those again that were given up. Whether there were any.
    pub fn retry_sent(&mut self, to: &AccountId, sent_ms: u64, m: &mut Moment<'_>) -> bool {
        let begins = sent_ms.to_be_bytes();
        let failed = |row: &&OutRow| row.to == *to && row.failed && row.id.starts_with(&begins);
        let named: Vec<[u8; 16]> = self.out.values().filter(failed).map(|row| row.id).collect();
        let again = named.iter().filter(|id| self.retry(to, id, m)).count();
        again > 0
    }

    /// Forgets everything that waits for somebody or is passed on of theirs, and what of theirs could not be read.
    pub fn forget_all(&mut self, to: &AccountId) {
        let of = |row: &OutRow| row.to == *to || row.kind == OutKind::Forward { from: *to };
        let numbers: Vec<u64> = self.out.iter().filter(|(_, row)| of(row)).map(|(number, _)| *number).collect();
        for number in numbers {
            self.out.remove(&number);
            self.delete(number_key(number));
        }
        self.forget_placeholders(to);
    }

    /// Tries a message that was given up once more. Whether there was one.
    pub fn retry(&mut self, to: &AccountId, id: &[u8; 16], m: &mut Moment<'_>) -> bool {
        let found = self.out.iter().find(|(_, row)| row.to == *to && row.id == *id && row.failed);
        let Some(number) = found.map(|(number, _)| *number) else { return false };
        if let Some(row) = self.out.get_mut(&number) {
            row.failed = false;
            row.created_ms = m.now_ms;
            for target in &mut row.targets {
                if !matches!(target.stage, TargetStage::Acked | TargetStage::Dropped) {
                    target.stage = TargetStage::Queued;
                    target.tries = 0;
                    target.first_ms = 0;
                }
            }
        }
        self.save_out(number);
        self.pump(m);
        true
    }

    pub(super) fn has_mail_for(&self, who: &AccountId) -> bool {
        self.out.values().any(|row| row.to == *who && !row.delivered && !row.failed)
    }

    /// A swarm has confirmed a store.
    pub fn stored(&mut self, number: u64) {
        self.live.publishing.remove(&number);
        if self.live.witness_store == Some(number) {
            self.forget_old_witnesses();
        }
        self.forget_old_sticky(number);
        let found: Vec<u64> = self
            .out
            .iter()
            .filter(|(_, row)| {
                row.targets.iter().any(|target| target.store == number && target.stage == TargetStage::Sealed)
            })
            .map(|(out, _)| *out)
            .collect();
        for out in found {
            let Some(row) = self.out.get_mut(&out) else { continue };
            for target in row.targets.iter_mut().filter(|target| target.store == number) {
                if target.stage == TargetStage::Sealed {
                    target.stage = TargetStage::Stored;
                }
            }
            let to = row.to;
            let peers = || row.targets.iter().filter(|target| target.account == to);
            let there = peers().any(|target| matches!(target.stage, TargetStage::Stored | TargetStage::Acked));
            let open = peers().any(|target| target.stage == TargetStage::Sealed);
            let first = !row.stored && there && !open && row.is_shown();
            row.stored |= first;
            let id = row.id;
            self.save_out(out);
            if first {
                self.emit(Event::Stored { to, id });
            }
        }
    }

    /// Whether any session with the account has been answered.
    pub(super) fn has_live_session(&self, who: &AccountId) -> bool {
        self.sessions.values().any(|running| running.row.account == *who && running.row.stage == Stage::Live)
    }
}
