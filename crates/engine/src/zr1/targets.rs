//! Which devices an outgoing message is for, and from when on (5.1, 5.5, 6.5).

use zwiebel_proto::account_id::AccountId;

use super::rows::{Device, OutKind, OutRow, Target, TargetStage};
use super::{DAY_MS, Manager, Moment};

/// Older unacknowledged mail goes to a device nobody vouched for only after this long, so that the others can object.
const UNENDORSED_WAIT_MS: u64 = DAY_MS;
/// Unless none of the account's other devices was heard from for this long.
const SILENT_MS: u64 = 7 * DAY_MS;

impl Manager {
    /// The devices a message is for: those listed now that are not among its targets yet.
    pub(super) fn expand(&mut self, number: u64, m: &Moment<'_>) {
        let Some(row) = self.out.get(&number).filter(|row| row.kind == OutKind::Chat) else { return };
        let mut new = Vec::new();
        let accounts = if row.to == self.own { vec![self.own] } else { vec![row.to, self.own] };
        for account in accounts {
            let Some(list) = self.people.get(&account).and_then(|person| person.list.as_ref()) else { continue };
            for entry in list.active() {
                let device: Device = (account, entry.public.id().0);
                if row.targets.iter().any(|target| (target.account, target.device) == device) {
                    continue;
                }
                if let Some(not_before_ms) = self.admits(row, &device, entry.added_at_ms, m.now_ms) {
                    new.push(target(device, not_before_ms));
                }
            }
        }
        if !new.is_empty()
            && let Some(row) = self.out.get_mut(&number)
        {
            row.targets.extend(new);
            self.save_out(number);
        }
    }

    /// Whether a message goes to this device, and from when on (5.5, 6.5).
    fn admits(&self, row: &OutRow, device: &Device, added_ms: u64, now: u64) -> Option<u64> {
        let (account, id) = device;
        let peer = self.peers.get(device);
        let listed = peer.map_or(now, |peer| peer.listed_ms);
        let unendorsed = peer.is_some_and(|peer| peer.unendorsed_ms != 0);
        // Whoever has the words can write any time into a list; when it came is what we saw ourselves.
        let written_after = if unendorsed { listed <= row.created_ms } else { added_ms <= row.created_ms };
        if *account == self.own {
            let this = self.device.as_ref().is_some_and(|own| own.id == *id);
            return (!this && written_after).then_some(0);
        }
        let verified = self.row_of(account).verified;
        let acked = row.targets.iter().any(|target| target.account == *account && target.stage == TargetStage::Acked);
        if unendorsed && verified {
            return None; // waits for the person's consent
        }
        if written_after {
            return Some(0);
        }
        if acked {
            return None;
        }
        if !unendorsed {
            return Some(0);
        }
        let others_silent = self
            .peers
            .iter()
            .filter(|(other, _)| other.0 == *account && *other != device)
            .all(|(_, peer)| now.saturating_sub(peer.heard_ms) > SILENT_MS);
        Some(if others_silent { 0 } else { listed.saturating_add(UNENDORSED_WAIT_MS) })
    }

    pub(super) fn expand_all(&mut self, account: &AccountId, m: &Moment<'_>) {
        let own = self.is_own(account);
        let numbers: Vec<u64> =
            self.out.iter().filter(|(_, row)| own || row.to == *account).map(|(number, _)| *number).collect();
        for number in numbers {
            self.expand(number, m);
        }
    }

    /// What waits only because nobody had vouched for a device goes out.
    pub(super) fn wait_no_longer(&mut self, device: &Device) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let mut waiting = row.targets.iter_mut().filter(|target| (target.account, target.device) == *device);
            if let Some(target) = waiting.find(|target| target.not_before_ms != 0) {
                target.not_before_ms = 0;
                self.save_out(number);
            }
        }
    }

    pub(super) fn drop_targets(&mut self, device: &Device) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let open = |target: &Target| !matches!(target.stage, TargetStage::Acked | TargetStage::Dropped);
            let mut changed = false;
            for target in row.targets.iter_mut().filter(|target| (target.account, target.device) == *device) {
                if open(target) {
                    target.stage = TargetStage::Dropped;
                    changed = true;
                }
            }
            if changed {
                self.save_out(number);
            }
        }
    }

    /// All sessions are gone: what nobody has acknowledged is sealed again.
    pub(super) fn requeue_everything(&mut self) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            for target in &mut row.targets {
                if matches!(target.stage, TargetStage::Sealed | TargetStage::Stored) {
                    target.stage = TargetStage::Queued;
                    target.after_ms = 0;
                }
            }
            self.save_out(number);
        }
    }
}

pub(super) fn target((account, device): Device, not_before_ms: u64) -> Target {
    Target {
        account,
        device,
        stage: TargetStage::Queued,
        containers: Vec::new(),
        store: 0,
        session: [0; 16],
        first_ms: 0,
        sealed_ms: 0,
        acked_ms: 0,
        gap_ms: 0,
        gap_done: false,
        tries: 0,
        after_ms: 0,
        not_before_ms,
        resends: 0,
    }
}
