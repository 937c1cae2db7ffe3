//! Bringing an account back: everything at least two members of the swarm hold is read, then polling goes on as usual.

use zwiebel_crypto::keys::Ed25519Public;

use crate::batch::Table;
use crate::compose::MESSAGE_TTL_MS;
use crate::engine::{Cx, Engine};
use crate::model::{Model, meta};
use crate::view::{RestoreStage, RestoreView, ViewEvent};

/// Members read to their end.
const MEMBERS: usize = 2;

impl Engine {
    /// One more answer was taken in.
    pub(crate) fn restore_step(
        &mut self,
        cx: &mut Cx<'_>,
        member: Ed25519Public,
        taken: u32,
        newest: Option<u64>,
        more: bool,
    ) {
        let Some(mut restore) = self.model.restore.clone() else { return };
        restore.messages = restore.messages.saturating_add(taken);
        if !more && !restore.finished.contains(&member.0) {
            restore.finished.push(member.0);
        }
        let Some(own) = self.model.own_id() else { return };
        let members = self.net.swarms.of(&own, &self.net.pool, cx.now).members.len();
        let wanted = MEMBERS.min(members.max(1));
        if restore.finished.len() >= wanted {
            self.finish_restore(restore.messages);
            self.greet_contacts(cx);
            return;
        }
        let now = self.network_now(cx);
        restore.percent = restore.percent.max(percent(restore.finished.len(), wanted, newest, now, more));
        Model::put_meta(&mut self.out, meta::RESTORE, &restore);
        self.model.restore = Some(restore);
        self.show_restore();
    }

    fn finish_restore(&mut self, messages: u32) {
        self.model.restore = None;
        self.out.delete(Table::Meta, meta::RESTORE.to_vec());
        self.live.restore_shown = None;
        self.out.emit(ViewEvent::Restore(RestoreView { stage: RestoreStage::Done, messages, percent: 100 }));
    }

    pub(crate) fn restore_view(&self) -> Option<RestoreView> {
        let restore = self.model.restore.as_ref()?;
        let stage = if self.live.syncing.all_polled() || restore.percent > 0 {
            RestoreStage::Fetching
        } else if self.net.paths.list.is_empty() {
            RestoreStage::Connecting
        } else {
            RestoreStage::AccountData
        };
        Some(RestoreView { stage, messages: restore.messages, percent: restore.percent })
    }

    pub(crate) fn show_restore(&mut self) {
        let view = self.restore_view();
        if view != self.live.restore_shown {
            self.live.restore_shown = view;
            if let Some(view) = view {
                self.out.emit(ViewEvent::Restore(view));
            }
        }
    }
}

/// How far: each member counts the same, and within one the age of the last message says how much is left.
fn percent(finished: usize, wanted: usize, newest: Option<u64>, now: u64, more: bool) -> u8 {
    let oldest = now.saturating_sub(MESSAGE_TTL_MS);
    let reached = newest.unwrap_or(oldest).clamp(oldest, now.max(oldest)).saturating_sub(oldest);
    let within = if more { reached.saturating_mul(100) / MESSAGE_TTL_MS.max(1) } else { 0 };
    let share = 94 / u64::try_from(wanted.max(1)).unwrap_or(1);
    let done = u64::try_from(finished).unwrap_or(0).saturating_mul(share);
    u8::try_from(done.saturating_add(within.saturating_mul(share) / 100).saturating_add(3).min(99)).unwrap_or(99)
}
