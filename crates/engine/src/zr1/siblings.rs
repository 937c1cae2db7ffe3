//! What devices do for each other: passing on what a sender with an old list did not address to a sibling (5.2), making
//! up for what a device had acknowledged and lost by going back in time (6.4), noticing other apps on the account (3.5).

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::content::{Hello, ManifestHint, Message};

use super::resend::{ACKED_KEPT_MS, MAX_RESENDS};
use super::rows::{Device, OutKind, OutRow, Target, TargetStage};
use super::targets::target;
use super::{DAY_MS, Event, HOUR_MS, Manager, Moment};

impl Manager {
    /// A sender used an old list of ours: the siblings that were not on it get the message from us, once. One that nobody has
    /// vouched for gets what was written before it came only when somebody does.
    pub(super) fn forward(&mut self, from: AccountId, message: &Message, m: &mut Moment<'_>) {
        let (Some(hint), Some(content)) = (&message.yours, &message.session_content) else { return };
        let this = self.device.as_ref().map(|device| device.id);
        let written_ms = written_ms(message);
        let missed: Vec<Target> = self
            .own_list()
            .into_iter()
            .flat_map(|list| list.active())
            .map(|entry| (self.own, entry.public.id().0))
            .filter(|device| Some(device.1) != this)
            .filter_map(|device| {
                let peer = self.peers.get(&device).filter(|peer| peer.listed_seq > hint.seq)?;
                let waits = peer.unendorsed_ms != 0 && written_ms < peer.listed_ms;
                Some(target(device, if waits { u64::MAX } else { 0 }))
            })
            .collect();
        if missed.is_empty() {
            return;
        }
        let number = self.next_number();
        let kind = OutKind::Forward { from };
        let row = OutRow { targets: missed, ..OutRow::new(message.id.0, self.own, kind, content.clone(), m.now_ms) };
        self.out.insert(number, row);
        self.save_out(number);
    }

    /// What a device had not acknowledged goes to the one that it has become.
    pub(super) fn inherit_targets(&mut self, before: &Device, device: Device) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let is = |target: &Target, of: &Device| (target.account, target.device) == *of;
            let open = |target: &Target| !matches!(target.stage, TargetStage::Acked | TargetStage::Dropped);
            let Some(waits) = row.targets.iter_mut().find(|target| is(target, before) && open(target)) else {
                continue;
            };
            waits.stage = TargetStage::Dropped;
            if !row.targets.iter().any(|target| is(target, &device)) {
                row.targets.push(target(device, 0));
            }
            self.save_out(number);
        }
    }

    /// The last moment of which this state, before it turned out to be an old one, still knew something: what was
    /// acknowledged after it is to be asked for. An hour of margin, and never more than a day.
    pub(super) fn knew_until(&self, now: u64) -> u64 {
        let read = self.person(&self.own).map_or(0, |person| person.row.fetched_ms);
        let heard = self.peers.values().map(|peer| peer.heard_ms).max().unwrap_or(0);
        let last = read.max(heard).max(self.counters.sent_ms).saturating_sub(HOUR_MS);
        last.max(now.saturating_sub(DAY_MS))
    }

    /// A device that has gone back in time asks for what it had acknowledged as the device it was before. Only with
    /// that device's own endorsement, and never further back than a day: else whoever stole a device, or the words,
    /// could have the past encrypted to a device of theirs.
    pub(super) fn make_up(&mut self, device: Device, hello: &Hello, now: u64) {
        let (Some(since), Some(before)) = (hello.since_ms, hello.predecessor) else { return };
        if self.peers.get(&device).is_none_or(|peer| peer.endorsed_by != Some(before)) {
            return;
        }
        let since = since.max(now.saturating_sub(ACKED_KEPT_MS));
        let lost = |target: &Target| {
            (target.account, target.device) == (device.0, before)
                && target.stage == TargetStage::Acked
                && target.acked_ms >= since
        };
        let numbers: Vec<u64> = self
            .out
            .iter()
            .filter(|(_, row)| row.targets.iter().any(lost))
            .filter(|(_, row)| !row.targets.iter().any(|target| (target.account, target.device) == device))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            if !self.may_resend(&device, now) {
                return;
            }
            if let Some(row) = self.out.get_mut(&number) {
                row.targets.push(target(device, 0));
            }
            self.save_out(number);
        }
    }

    /// Counts a resend of something acknowledged, if the day's are not used up (6.6).
    pub(super) fn may_resend(&mut self, device: &Device, now: u64) -> bool {
        let (since, count) = self.peers.get(device).map(|peer| peer.resends).unwrap_or_default();
        let (since, count) = if now.saturating_sub(since) < DAY_MS { (since, count) } else { (now, 0) };
        if count >= MAX_RESENDS {
            return false;
        }
        self.change_peer(*device, |peer| peer.resends = (since, count.saturating_add(1)));
        true
    }

    /// A synced v1 message of the own account came, sent at `sent_ms`. Our devices put the hint of the account's list
    /// into theirs; one without it is of an app that has no forward secrecy, and that sees nothing of what is sent here
    /// (3.5). Messages from before this device are no sign.
    pub fn own_v1_came(&mut self, hint: Option<&ManifestHint>, sent_ms: u64, now: u64) {
        if let Some(hint) = hint {
            self.follow_hint(self.own, hint, now);
            return;
        }
        if !self.is_on() {
            return;
        }
        let Some(device) = self.device.as_mut() else { return };
        let news = device.row.other_app_ms == 0 && sent_ms > device.row.added_at_ms.saturating_add(HOUR_MS);
        if news {
            device.row.other_app_ms = now.max(1);
            self.save_device();
            self.emit(Event::OtherApp);
        }
    }

    /// Since when another app without forward secrecy is known to use the account, until the person has seen it.
    #[must_use]
    pub fn other_app(&self) -> Option<u64> {
        self.device.as_ref().map(|device| device.row.other_app_ms).filter(|at| *at != 0)
    }

    /// The person has seen it; the next sign of the other app is told again.
    pub fn dismiss_other_app(&mut self) {
        if let Some(device) = self.device.as_mut().filter(|device| device.row.other_app_ms != 0) {
            device.row.other_app_ms = 0;
            self.save_device();
        }
    }
}

/// When a message was written: the names that the engine gives begin with that, and a repetition bears a later time.
fn written_ms(message: &Message) -> u64 {
    let named = message.id.0.first_chunk().map_or(u64::MAX, |time| u64::from_be_bytes(*time));
    named.min(message.sent_at_ms)
}
