//! Other accounts: their lists and bundles, and what follows from them (2.4, 2.6, 8.2). How they stand is [`super::standing`].

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{sort, sort_by_key};
use zwiebel_proto::zr1::bundle::Bundle;
use zwiebel_proto::zr1::content::ManifestHint;
use zwiebel_proto::zr1::manifest::{
    Manifest, Mode, OLD_AT_FIRST_CONTACT_MS, RevocationReason, Standing as Vouched, judge,
};

use super::rows::{Device, PeerRow, PersonRow, Standing};
use super::{DAY_MS, DeviceView, HOUR_MS, MINUTE_MS, Manager, Moment, Notice, Published, SECOND_MS, Wanted};

/// A list is used without asking for this long.
const FRESH_MS: u64 = DAY_MS;
/// Above this it must be refreshed before a session is made.
pub(super) const STALE_MS: u64 = 2 * DAY_MS;
/// An existing session may be used on an old list for this long if the network fails.
const USABLE_MS: u64 = 7 * DAY_MS;
/// "Nothing published" is believed for this long.
pub(super) const ABSENT_MS: u64 = HOUR_MS;
/// Hints make us fetch at most this often.
const HINT_MS: u64 = 10 * MINUTE_MS;
/// After a fetch that failed.
const FETCH_RETRY_MS: u64 = 30 * SECOND_MS;
/// An empty answer of one node alone is believed after this long.
const ALONE_MS: u64 = 10 * MINUTE_MS;
/// Two lists of one number are a fork when nothing has settled it for this long.
const FORK_MS: u64 = DAY_MS;
/// Searches of three nodes, an hour apart, after which an unsigned hint is not waited for any longer.
const SEARCHES: u8 = 2;

/// Verified lists of one account with their bytes, the newest last.
pub(super) type Lists = [(Manifest, Vec<u8>)];

impl Manager {
    /// What is to be fetched now.
    #[must_use]
    pub fn wanted(&self, now: u64) -> Vec<Wanted> {
        let due = self.live.wanted.iter().filter(|(_, (at, _))| *at <= now);
        due.map(|(owner, (_, nodes))| Wanted { owner: *owner, nodes: *nodes }).collect()
    }

    pub(super) fn want(&mut self, owner: AccountId, at_ms: u64, nodes: u8) {
        let wanted = self.live.wanted.entry(owner).or_insert((at_ms, nodes));
        *wanted = (wanted.0.min(at_ms), wanted.1.max(nodes));
    }

    /// No node answered.
    pub fn fetch_failed(&mut self, owner: AccountId, now: u64) {
        let pause = if self.has_mail_for(&owner) { FETCH_RETRY_MS / 10 } else { FETCH_RETRY_MS };
        if let Some((at, _)) = self.live.wanted.get_mut(&owner) {
            *at = now.saturating_add(pause);
        }
    }

    /// What the outbox of an account holds.
    pub fn fetched(&mut self, owner: AccountId, mut answer: Published, m: &mut Moment<'_>) {
        if answer.nodes != 0 && !self.is_own(&owner) {
            self.note_others(m.now_ms);
        }
        // Several nodes mostly say the same, and some say anything.
        for values in [&mut answer.manifests, &mut answer.bundles] {
            sort(values);
            values.dedup();
        }
        let mut lists: Vec<(Manifest, Vec<u8>)> = std::mem::take(&mut answer.manifests)
            .into_iter()
            .filter_map(|blob| Some((Manifest::verify(&blob, &owner, m.now_ms).ok()?, blob)))
            .collect();
        sort_by_key(&mut lists, |(list, _)| (list.seq, *list.hash()));
        if !self.is_enough(&owner, &lists, &answer, m.now_ms) {
            self.fetch_failed(owner, m.now_ms);
            return;
        }
        let answer = &answer;
        let asked = self.live.wanted.remove(&owner).map_or(0, |(_, nodes)| nodes);
        if self.is_own(&owner) {
            let before_ms = self.row_of(&owner).fetched_ms;
            self.own_fetched(&lists, answer, m);
            self.take_bundles(owner, &answer.bundles, m.now_ms);
            if answer.nodes > 1 {
                self.give_up_stale(before_ms, m);
            }
            for who in self.awaited().into_iter().filter(|_| !self.is_on()).collect::<Vec<_>>() {
                self.fall_back(who, m.now_ms);
            }
        } else {
            self.person_fetched(owner, &lists, answer, asked, m);
            self.fall_back(owner, m.now_ms);
            self.confirm(owner, m.now_ms);
        }
        self.release_held(&owner, answer.nodes, m);
        self.pump(m);
    }

    /// Whether an answer may be believed. That there is nothing takes two nodes: one alone may hide what the others would have
    /// shown, had they been faster. Where one alone answers it is asked again and again, and believed after some minutes, so
    /// that nothing waits for ever in a swarm of which one member is left.
    fn is_enough(&mut self, owner: &AccountId, lists: &Lists, answer: &Published, now: u64) -> bool {
        if answer.nodes != 1 || answer.unheard == 0 || !lists.is_empty() {
            self.live.alone.remove(owner);
            return answer.nodes != 0;
        }
        let since = *self.live.alone.entry(*owner).or_insert(now);
        now.saturating_sub(since) > ALONE_MS
    }

    fn person_fetched(&mut self, owner: AccountId, lists: &Lists, answer: &Published, asked: u8, m: &mut Moment<'_>) {
        let now = m.now_ms;
        let PersonRow { signer: pinned, seq: floor, .. } = self.row_of(&owner);
        let counts = |list: &Manifest| pinned.is_none_or(|key| key == list.account.0) && list.seq >= floor;
        let Some((list, blob)) = lists.iter().rfind(|(list, _)| counts(list)) else {
            // What is older than what was seen is as good as nothing: it makes no list younger.
            self.nothing_published(owner, asked, now);
            self.mind_withheld(owner, asked, now);
            self.take_bundles(owner, &answer.bundles, now);
            return;
        };
        self.change_person(owner, |row| {
            row.fetched_ms = now;
            row.absent_ms = 0;
            row.searches = 0;
        });
        let known = self.person(&owner).is_some_and(|person| person.list.is_some());
        if !known && now.saturating_sub(list.issued_at_ms) > OLD_AT_FIRST_CONTACT_MS && answer.nodes < 3 && asked < 3 {
            self.want(owner, now, 3);
            return;
        }
        if list.seq > floor {
            self.take_list(owner, list, blob, m);
        } else {
            self.same_number(owner, list, blob, now);
            self.mind_withheld(owner, asked, now);
        }
        self.take_bundles(owner, &answer.bundles, now);
    }

    fn nothing_published(&mut self, owner: AccountId, asked: u8, now: u64) {
        self.change_person(owner, |row| {
            if now.abs_diff(row.absent_ms) < ABSENT_MS {
                return;
            }
            row.absent_ms = now;
            if asked >= 3 && row.standing == Standing::Pending && row.signer.is_none() {
                row.searches = row.searches.saturating_add(1);
            }
        });
        if let Some(person) = self.person(&owner)
            && person.row.standing == Standing::Pending
            && person.row.signer.is_none()
        {
            if person.row.searches >= SEARCHES {
                // A hint is unsigned: nobody waits for ever for what it named.
                self.set_standing(owner, Standing::Asking, now);
            } else {
                // Whoever is new may have written faster than their list was stored.
                let waited = now.saturating_sub(person.row.since_ms);
                self.want(owner, now.saturating_add(waited.clamp(2 * SECOND_MS, HOUR_MS)), 3);
            }
        } else if self.has_mail_for(&owner) {
            self.want(owner, now.saturating_add(FETCH_RETRY_MS.saturating_mul(4)), 3);
        }
    }

    /// The same number with another content: normally two devices of the contact racing.
    fn same_number(&mut self, owner: AccountId, list: &Manifest, blob: &[u8], now: u64) {
        let Some(person) = self.person(&owner) else { return };
        let Some(known) = &person.list else { return };
        if known.hash() == list.hash() {
            return;
        }
        let since = if person.row.fork.is_empty() { 0 } else { person.row.fork_ms };
        if since == 0 {
            let (kept, before) = (blob.to_vec(), known.clone());
            self.change_person(owner, |row| {
                row.fork = kept;
                row.fork_ms = now;
            });
            // Both count until they are joined: the revocations, and who takes the place of a revoked device.
            self.follow_devices(owner, list, Some(&before), now);
        } else if now.saturating_sub(since) > FORK_MS {
            self.notice(owner, Notice::Fork, now);
            self.change_person(owner, |row| row.fork_ms = now);
        }
        self.want(owner, now.saturating_add(if since == 0 { MINUTE_MS } else { HOUR_MS }), 2);
    }

    /// A contact speaks of a newer list than three nodes show: normal for minutes, not for a day (8.2). The time since then stands
    /// where that of a fork does, without another list beside it.
    fn mind_withheld(&mut self, owner: AccountId, asked: u8, now: u64) {
        let row = self.row_of(&owner);
        if row.fork_ms == 0 || !row.fork.is_empty() {
            return;
        }
        if asked >= 3 && now.saturating_sub(row.fork_ms) > FORK_MS {
            self.notice(owner, Notice::Withheld, now);
            self.change_person(owner, |row| row.fork_ms = now);
        }
        self.want(owner, now.saturating_add(HOUR_MS), 3);
    }

    /// A verified list with a higher number than any before: the devices it adds and removes, and what follows.
    pub(super) fn take_list(&mut self, owner: AccountId, list: &Manifest, blob: &[u8], m: &mut Moment<'_>) {
        let now = m.now_ms;
        let before = self.people.get(&owner).and_then(|person| person.list.clone());
        if list.list.mode == Mode::Off && list.is_expired(now) {
            return; // an expired tombstone counts as absent
        }
        let kept = blob.to_vec();
        let (signer, seq) = (list.account.0, list.seq);
        self.change_person(owner, |row| {
            row.signer = Some(signer);
            row.manifest = kept;
            row.seq = seq;
            row.fork.clear();
            row.fork_ms = 0;
        });
        if let Some(person) = self.people.get_mut(&owner) {
            person.list = Some(list.clone());
        }
        self.follow_mode(owner, list.list.mode, now);
        self.follow_devices(owner, list, before.as_ref(), now);
        self.expand_all(&owner, m);
    }

    /// The devices that a list adds, renews and revokes.
    fn follow_devices(&mut self, owner: AccountId, list: &Manifest, before: Option<&Manifest>, now: u64) {
        for (device, vouched) in judge(list, before) {
            let device = (owner, device.0);
            let later = self.vouched_later(&device, list, before);
            self.see_device(device, later.unwrap_or(vouched), list.seq, now);
        }
        self.follow_renewals(owner, list);
        // Absent is not revoked (2.4): a device may only be missing from one side of a race, and be back a minute later.
        let revoked: Vec<Device> = self
            .peers
            .iter()
            .filter(|((account, device), peer)| *account == owner && !peer.gone && list.is_revoked(&DeviceId(*device)))
            .map(|(device, _)| *device)
            .filter(|(_, device)| self.device.as_ref().is_none_or(|own| own.id != *device))
            .collect();
        for device in revoked {
            self.close_device(device, now);
            self.tell_change(owner, Notice::DeviceRemoved, now);
        }
    }

    /// A device that made itself new keys is still that device: what it had not acknowledged goes to its successor.
    fn follow_renewals(&mut self, owner: AccountId, list: &Manifest) {
        let successors: Vec<(Device, Device)> = list
            .active()
            .map(|entry| (owner, entry.public.id().0))
            .filter_map(|device| {
                let before = self.peers.get(&device)?.endorsed_by?;
                let renewed = list.list.revocation(&DeviceId(before))?.reason == RevocationReason::Renewed;
                renewed.then_some(((owner, before), device))
            })
            .collect();
        for (before, device) in successors {
            self.inherit_targets(&before, device);
        }
    }

    fn see_device(&mut self, device: Device, vouched: Vouched, seq: u64, now: u64) {
        let owner = device.0;
        let known = self.peers.get(&device).is_some_and(|peer| peer.listed_ms != 0);
        let this = self.device.as_ref().is_some_and(|own| own.id == device.1);
        if known {
            if matches!(vouched, Vouched::Endorsed(_)) && self.peers.get(&device).is_some_and(|p| p.unendorsed_ms != 0)
            {
                self.change_peer(device, |peer| peer.unendorsed_ms = 0);
                self.wait_no_longer(&device);
                if !this {
                    self.vouched_after_all(owner, now);
                }
            }
            return;
        }
        let (endorsed_by, notice) = match vouched {
            Vouched::Endorsed(by) if self.may_vouch(&(owner, by.0)) => (Some(by.0), Some(Notice::DeviceAdded)),
            // Who is in doubt can only pass the doubt on: else the words alone would make a second device a trusted one.
            Vouched::Endorsed(by) => (Some(by.0), Some(Notice::DeviceUnendorsed)),
            Vouched::Unendorsed => (None, Some(Notice::DeviceUnendorsed)),
            Vouched::FirstSeen | Vouched::Known => (None, None),
        };
        self.change_peer(device, |peer| {
            peer.listed_ms = now;
            peer.listed_seq = seq;
            peer.endorsed_by = endorsed_by;
            peer.unendorsed_ms = if notice == Some(Notice::DeviceUnendorsed) { now } else { 0 };
        });
        let Some(notice) = notice else { return };
        if !this {
            self.tell_change(owner, notice, now);
        }
    }

    /// The person has dealt with a device that nobody had vouched for.
    pub(super) fn withdraw_warning(&mut self, owner: AccountId) {
        let Some(list) = self.notices.get_mut(&owner) else { return };
        list.retain(|(_, notice)| *notice != Notice::DeviceUnendorsed);
        let row = list.clone();
        self.put(super::rows::key(super::kind::NOTICES, &owner.to_bytes()), &row);
    }

    /// A list has changed. The person knows what they did on this device.
    fn tell_change(&mut self, owner: AccountId, notice: Notice, now: u64) {
        if !(self.is_own(&owner) && self.live.signing) {
            self.notice(owner, notice, now);
        }
    }

    /// A device that came without an endorsement and has one now: of another device that was listed before and is not in
    /// doubt itself.
    fn vouched_later(&self, device: &Device, list: &Manifest, before: Option<&Manifest>) -> Option<Vouched> {
        self.peers.get(device).filter(|peer| peer.unendorsed_ms != 0)?;
        let entry = list.device(&DeviceId(device.1))?;
        let endorser = before?.device(&entry.endorser).filter(|endorser| endorser.public.id() != DeviceId(device.1))?;
        let trusted = self.may_vouch(&(device.0, entry.endorser.0));
        (trusted && entry.is_signed_by(&list.account, &endorser.public)).then_some(Vouched::Endorsed(entry.endorser))
    }

    /// Whether a device's word for another counts: it was listed here, is not out, and nobody is in doubt about it.
    fn may_vouch(&self, device: &Device) -> bool {
        self.peers.get(device).is_some_and(|peer| peer.listed_ms != 0 && peer.unendorsed_ms == 0 && !peer.gone)
    }

    /// A device that nobody had vouched for is vouched for now: the warning becomes a line.
    fn vouched_after_all(&mut self, owner: AccountId, now: u64) {
        let doubtful = |peer: &PeerRow| peer.unendorsed_ms != 0 && !peer.gone;
        if self.peers.iter().any(|((account, _), peer)| *account == owner && doubtful(peer)) {
            return;
        }
        self.withdraw_warning(owner);
        self.tell_change(owner, Notice::DeviceAdded, now);
    }

    /// A device is out: its sessions end, nothing more is sent to it.
    pub(super) fn close_device(&mut self, device: Device, now: u64) {
        self.change_peer(device, |peer| {
            peer.gone = true;
            peer.active = None;
            peer.bundle.clear();
        });
        self.end_sessions(&device, now);
        self.drop_targets(&device);
        if self.owed.remove(&device).is_some() {
            self.delete(super::rows::device_key(super::kind::OWED, &device));
        }
        self.change_aside(device, |aside| *aside = super::AsideRow::default());
        self.note_missing(device, None);
    }

    fn take_bundles(&mut self, owner: AccountId, blobs: &[Vec<u8>], now: u64) {
        let Some(list) = self.people.get(&owner).and_then(|person| person.list.clone()) else { return };
        for blob in blobs {
            let Some(device) = Bundle::claimed_device(blob) else { continue };
            if self.peers.get(&(owner, device.0)).is_some_and(|peer| peer.bundle == *blob) {
                continue; // known, and verified when it came
            }
            let Some(entry) = list.device(&device) else { continue };
            let Ok(bundle) = Bundle::verify(blob, &list.account, &entry.public, now) else { continue };
            let known = self.peers.get(&(owner, device.0)).map_or(0, |peer| peer.bundle_seq);
            if bundle.seq > known {
                self.change_peer((owner, device.0), |peer| {
                    peer.bundle.clone_from(blob);
                    peer.bundle_seq = bundle.seq;
                });
            }
        }
    }

    /// The bundle of a device, if it may be used now.
    pub(super) fn bundle_of(&self, device: &Device, now: u64) -> Option<Bundle> {
        let list = self.people.get(&device.0)?.list.as_ref()?;
        let entry = list.device(&DeviceId(device.1))?;
        let blob = &self.peers.get(device)?.bundle;
        Bundle::verify(blob, &list.account, &entry.public, now).ok()
    }

    /// Whether a list that was verified here names the device.
    pub(super) fn is_listed(&self, device: &Device) -> bool {
        let list = self.people.get(&device.0).and_then(|person| person.list.as_ref());
        list.is_some_and(|list| list.device(&DeviceId(device.1)).is_some())
    }

    /// What one side says of a list: only makes us fetch.
    pub(super) fn follow_hint(&mut self, owner: AccountId, hint: &ManifestHint, now: u64) {
        let known = self.person(&owner).map_or(0, |person| person.row.seq);
        if hint.seq <= known {
            return;
        }
        let planned = self.live.hinted.get(&owner).copied().unwrap_or(0);
        let at = if planned > now { planned } else { now.max(planned.saturating_add(HINT_MS)) };
        self.live.hinted.insert(owner, at);
        self.want(owner, at, 2);
        if !self.is_own(&owner) && self.row_of(&owner).fork_ms == 0 {
            self.change_person(owner, |row| row.fork_ms = now.max(1));
        }
    }

    /// Fetches an account's list if ours is too old.
    pub(super) fn refresh(&mut self, who: AccountId, now: u64) {
        let row = self.person(&who).map(|person| person.row.clone()).unwrap_or_default();
        let fresh = row.fetched_ms != 0 && now.saturating_sub(row.fetched_ms) < FRESH_MS;
        let absent = row.absent_ms != 0 && now.saturating_sub(row.absent_ms) < ABSENT_MS;
        let known = row.signer.is_some();
        if !fresh && (known || !absent) {
            // Who has a list has a newer one soon, or is away.
            let pause = if absent { FETCH_RETRY_MS.saturating_mul(4) } else { 0 };
            self.want(who, now.saturating_add(pause), if known { 2 } else { 3 });
        }
    }

    /// Whether an account's list may still be used, for a new session or for an existing one.
    pub(super) fn list_usable(&self, who: &AccountId, for_new: bool, now: u64) -> bool {
        let limit = if for_new { STALE_MS } else { USABLE_MS };
        self.person(who).is_some_and(|person| {
            let over = for_new && person.list.as_ref().is_some_and(|list| list.is_expired(now));
            now.saturating_sub(person.row.fetched_ms) <= limit && !over
        })
    }

    /// When messages of a contact came that could not be read, oldest first, and whether they are not expected any more.
    #[must_use]
    pub fn unreadable(&self, from: &AccountId, now: u64) -> Vec<(u64, bool)> {
        let theirs = self.unreadable.values().filter(|row| row.account == *from);
        let mut all: Vec<(u64, bool)> =
            theirs.map(|row| (row.at_ms, super::receive::is_given_up(row.at_ms, now))).collect();
        sort(&mut all);
        all
    }

    /// The devices of an account as they are listed.
    #[must_use]
    pub fn devices(&self, account: &AccountId, now: u64) -> Vec<DeviceView> {
        let Some(list) = self.people.get(account).and_then(|person| person.list.as_ref()) else { return Vec::new() };
        let this = self.device.as_ref().map(|device| device.id);
        let view = |entry: &zwiebel_proto::zr1::manifest::DeviceEntry| {
            let id = entry.public.id().0;
            let peer = self.peers.get(&(*account, id));
            let bundle = peer.and_then(|peer| Bundle::verify(&peer.bundle, &list.account, &entry.public, now).ok());
            let own_bundle = self.device.as_ref().filter(|device| device.id == id);
            DeviceView {
                id,
                name: own_bundle
                    .map(|device| device.row.name.clone())
                    .or_else(|| bundle.as_ref().and_then(|bundle| bundle.name(self.account.ed25519()))),
                this: this == Some(id),
                added_ms: entry.added_at_ms,
                last_seen_ms: peer
                    .map(|peer| peer.heard_ms)
                    .max(bundle.map(|bundle| bundle.issued_at_ms))
                    .filter(|at| *at != 0),
                unendorsed: peer.is_some_and(|peer| peer.unendorsed_ms != 0),
            }
        };
        list.active().map(view).collect()
    }

    pub(super) fn row_of(&self, account: &AccountId) -> PersonRow {
        self.person(account).map(|person| person.row.clone()).unwrap_or_default()
    }
}
