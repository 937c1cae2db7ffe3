//! What becomes of messages that nobody acknowledges: the clock's rules, and answers to questions (6.5, 6.6).

use zwiebel_proto::account_id::AccountId;

use super::rows::{Device, OutKind, OutRow, Target, TargetStage};
use super::{DAY_MS, Event, HOUR_MS, MINUTE_MS, Manager, Moment, Protection};

/// A later message is acknowledged and this one not, for this long: once more in the same session.
const GAP_MS: u64 = 10 * MINUTE_MS;
/// Nothing acknowledged this long after the first sealing: again, in a new session. The last steps keep a copy alive
/// past the swarm's 14 days.
const AGAIN_MS: [u64; 7] = [DAY_MS, 3 * DAY_MS, 7 * DAY_MS, 20 * DAY_MS, 33 * DAY_MS, 46 * DAY_MS, 59 * DAY_MS];
/// Then it is not delivered.
pub(super) const GIVE_UP_MS: u64 = 60 * DAY_MS;
/// Acknowledged content is kept for questions this long.
pub(super) const ACKED_KEPT_MS: u64 = DAY_MS;
/// Resends of acknowledged content to one device in a day.
pub(super) const MAX_RESENDS: u32 = 100;
/// Containers without anything to see that are remembered for one device.
const MAX_SAID: usize = 32;
/// A device without a bundle for this long is out of the count.
const STALE_DEVICE_MS: u64 = 30 * DAY_MS;

impl Manager {
    /// A device has acknowledged a message.
    pub(super) fn acked(&mut self, device: &Device, id: &[u8; 16], now: u64) {
        let found: Vec<u64> = self.out.iter().filter(|(_, row)| row.id == *id).map(|(number, _)| *number).collect();
        for number in found {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let Some(target) = row.targets.iter_mut().find(|target| is(target, device)) else { continue };
            if target.stage == TargetStage::Acked || target.containers.is_empty() {
                continue;
            }
            target.stage = TargetStage::Acked;
            target.acked_ms = now;
            let sealed_ms = target.sealed_ms;
            let to = row.to;
            let first = !row.delivered && device.0 == to;
            row.delivered |= first;
            let (id, shown) = (row.id, row.is_shown());
            self.save_out(number);
            if first && shown {
                self.emit(Event::Delivered { to, id });
            }
            self.mark_gaps(device, sealed_ms, now);
        }
    }

    /// Earlier messages to a device that are not acknowledged while a later one is.
    fn mark_gaps(&mut self, device: &Device, sealed_ms: u64, now: u64) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let Some(target) = row.targets.iter_mut().find(|target| is(target, device)) else { continue };
            let open = matches!(target.stage, TargetStage::Sealed | TargetStage::Stored);
            if open && target.gap_ms == 0 && !target.gap_done && target.sealed_ms < sealed_ms {
                target.gap_ms = now.max(1);
                self.save_out(number);
            }
        }
    }

    /// A device could not read a container (6.6). Bounded: else whoever steals a device could have everything that
    /// was recorded encrypted to it again.
    pub(super) fn asked_again(&mut self, device: &Device, container: &[u8; 16], m: &mut Moment<'_>) {
        let now = m.now_ms;
        let found = self.out.iter().find_map(|(number, row)| {
            let target =
                row.targets.iter().find(|target| is(target, device) && target.containers.contains(container))?;
            Some((*number, target.stage, target.acked_ms, target.containers.last() == Some(container)))
        });
        let Some((number, stage, acked_ms, newest)) = found else { return self.nothing_lost(device, container, m) };
        match stage {
            // A newer copy is on its way, or it waits anyway.
            TargetStage::Queued | TargetStage::Dropped => return,
            TargetStage::Sealed | TargetStage::Stored if !newest => return,
            TargetStage::Sealed | TargetStage::Stored => {}
            TargetStage::Acked => {
                if now.saturating_sub(acked_ms) > ACKED_KEPT_MS || !newest || !self.may_resend(device, now) {
                    return;
                }
            }
        }
        self.requeue(number, device, 0);
    }

    /// A device asks for a container that carried nothing a person would see, only acknowledgements for example: it is told not
    /// to wait, once, and no sooner and no oftener than silent messages are acknowledged.
    fn nothing_lost(&mut self, device: &Device, container: &[u8; 16], m: &mut Moment<'_>) {
        let said = self.asides.get(device).is_some_and(|aside| aside.said.contains(container));
        if !said || !self.is_approved(&device.0) {
            return;
        }
        self.change_aside(*device, |aside| {
            aside.said.retain(|one| one != container);
            aside.void.push(*container);
        });
        self.owe_by(*device, self.quiet_at(device), m);
    }

    /// Something goes to a device within some minutes, and not before a time.
    pub(super) fn owe_by(&mut self, device: Device, not_before_ms: u64, m: &mut Moment<'_>) {
        let at = m.now_ms.saturating_add(super::between(2 * MINUTE_MS, 15 * MINUTE_MS, m.rng)).max(not_before_ms);
        self.change_owed(device, |owed| owed.due_ms = if owed.due_ms == 0 { at } else { owed.due_ms.min(at) });
    }

    /// A container to a device carried nothing that a person would see.
    pub(super) fn note_said(&mut self, device: Device, container: [u8; 16]) {
        self.change_aside(device, |aside| {
            aside.said.push(container);
            let excess = aside.said.len().saturating_sub(MAX_SAID);
            aside.said.drain(..excess);
        });
    }

    /// To be sealed again for a device; in a session younger than `after_ms` unless that is 0.
    fn requeue(&mut self, number: u64, device: &Device, after_ms: u64) {
        let Some(row) = self.out.get_mut(&number) else { return };
        let Some(target) = row.targets.iter_mut().find(|target| is(target, device)) else { return };
        target.stage = TargetStage::Queued;
        target.after_ms = after_ms;
        self.save_out(number);
    }

    /// What the clock asks for.
    pub(super) fn tend_outbox(&mut self, now: u64) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let targets: Vec<Target> = self.out.get(&number).map(|row| row.targets.clone()).unwrap_or_default();
            for target in targets {
                self.tend_target(number, &target, now);
            }
            self.finish(number, now);
        }
    }

    fn tend_target(&mut self, number: u64, target: &Target, now: u64) {
        if !matches!(target.stage, TargetStage::Sealed | TargetStage::Stored) {
            return;
        }
        let device: Device = (target.account, target.device);
        if target.gap_ms != 0 && !target.gap_done && now.saturating_sub(target.gap_ms) >= GAP_MS {
            self.change_target(number, &device, |target| target.gap_done = true);
            self.requeue(number, &device, 0);
            return;
        }
        let next = AGAIN_MS.get(usize::from(target.tries));
        if next.is_some_and(|after| now.saturating_sub(target.first_ms) >= *after) {
            self.change_target(number, &device, |target| target.tries = target.tries.saturating_add(1));
            self.requeue(number, &device, target.sealed_ms.saturating_add(1));
        }
    }

    fn change_target(&mut self, number: u64, device: &Device, change: impl FnOnce(&mut Target)) {
        let Some(row) = self.out.get_mut(&number) else { return };
        if let Some(target) = row.targets.iter_mut().find(|target| is(target, device)) {
            change(target);
            self.save_out(number);
        }
    }

    /// Leaves the outbox when every device that can has acknowledged it and questions are over; or is given up.
    fn finish(&mut self, number: u64, now: u64) {
        let Some(row) = self.out.get(&number) else { return };
        let age = now.saturating_sub(row.created_ms);
        let to = row.to;
        let stale = |target: &Target| target.stage == TargetStage::Queued && age > STALE_DEVICE_MS;
        let closed =
            |target: &Target| matches!(target.stage, TargetStage::Acked | TargetStage::Dropped) || stale(target);
        if row.kind == OutKind::History && row.targets.iter().all(closed) {
            self.out.remove(&number);
            self.delete(super::rows::number_key(number));
            return;
        }
        let reached = row.delivered || (to == self.own && row.targets.iter().all(closed) && age > ACKED_KEPT_MS);
        let questions_over = row.targets.iter().all(|target| now.saturating_sub(target.acked_ms) > ACKED_KEPT_MS);
        if (reached && row.targets.iter().all(closed) && questions_over) || (row.delivered && age > GIVE_UP_MS) {
            self.out.remove(&number);
            self.delete(super::rows::number_key(number));
        } else if !row.delivered && !row.failed && age > GIVE_UP_MS {
            let (id, shown) = (row.id, row.is_shown());
            if let Some(row) = self.out.get_mut(&number) {
                row.failed = true;
            }
            self.save_out(number);
            if shown {
                self.emit(Event::Undelivered { to, id });
            }
        }
    }

    /// When the outbox next has something to do.
    pub(super) fn outbox_wake_at(&self, now: u64) -> Option<u64> {
        let targets = self.out.values().filter(|row| !row.failed).flat_map(|row| &row.targets);
        targets
            .filter_map(|target| match target.stage {
                TargetStage::Queued if target.not_before_ms != 0 => Some(target.not_before_ms),
                TargetStage::Sealed | TargetStage::Stored => {
                    let gap = (target.gap_ms != 0 && !target.gap_done).then(|| target.gap_ms.saturating_add(GAP_MS));
                    let again =
                        AGAIN_MS.get(usize::from(target.tries)).map(|after| target.first_ms.saturating_add(*after));
                    gap.into_iter().chain(again).min()
                }
                _ => None,
            })
            .filter(|at| *at > now)
            .min()
    }

    /// The message of this time, if it has waited for keys for more than a minute and may go out without them: the contact has
    /// ZR1, is not verified, and nothing of it was sealed for them.
    #[must_use]
    pub fn may_go_openly(&self, to: &AccountId, sent_ms: u64, now: u64) -> Option<u64> {
        if !matches!(self.protection(to), Protection::Waiting | Protection::ForwardSecret { verified: false })
            || self.row_of(to).verified
        {
            return None;
        }
        let named = |row: &OutRow| row.id.starts_with(&sent_ms.to_be_bytes()) && row.waits(to, now);
        self.out.iter().find(|(_, row)| named(row)).map(|(number, _)| *number)
    }

    /// The person sends one message that waits without forward secrecy (3.5). Whether it went: it has left the manager, as one
    /// for somebody without ZR1 does.
    pub fn send_openly(&mut self, to: &AccountId, sent_ms: u64, now: u64) -> bool {
        let number = self.may_go_openly(to, sent_ms, now);
        let Some((number, row)) = number.and_then(|number| Some((number, self.out.remove(&number)?))) else {
            return false;
        };
        self.delete(super::rows::number_key(number));
        self.emit(Event::Fallback { to: *to, id: row.id, content: row.content });
        true
    }

    /// How many messages have waited for somebody's keys for more than a minute (3.5, "Waiting for keys").
    #[must_use]
    pub fn waiting_for_keys(&self, who: &AccountId, now: u64) -> usize {
        self.out.values().filter(|row| row.waits(who, now)).count()
    }
}

/// Whether a target is this device.
fn is(target: &Target, (account, device): &Device) -> bool {
    target.account == *account && target.device == *device
}

/// Kept here so that the schedule reads as the specification's table.
const _: () = assert!(GAP_MS < HOUR_MS && GIVE_UP_MS > 59 * DAY_MS);
