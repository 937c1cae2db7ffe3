//! A clock that was far ahead and is right again (2.1, 3.2, P19): what was noted while it was wrong would hold everything
//! up until that time really comes.

use super::resend::GIVE_UP_MS;
use super::rows::{device_key, key, kind};
use super::{AHEAD_MS, Manager, Moment};

impl Manager {
    /// Times that lie ahead are taken for now. What was published with such times is published again by the usual rules.
    pub(super) fn mind_the_clock(&mut self, m: &mut Moment<'_>) {
        let now = m.now_ms;
        let limit = now.saturating_add(AHEAD_MS);
        let Some(device) = &self.device else { return };
        let read = self.people.get(&self.own).map_or(0, |person| person.row.fetched_ms);
        let noted = [device.row.listed_ms, device.row.bundle_ms, read];
        if self.peers.values().any(|peer| peer.newest_ms > limit) {
            return; // others were there already: it is this clock that is behind
        }
        if device.row.added_at_ms > limit {
            if self.clocks_agree(now) {
                self.renew(true, m); // its certificate is from the future, and nobody takes that
            }
            return;
        }
        if noted.iter().all(|at| *at <= limit) {
            return;
        }
        let back = |at: &mut u64| *at = (*at).min(now);
        if let Some(device) = &mut self.device {
            let row = &mut device.row;
            row.bundle_ms = 0;
            [&mut row.listed_ms, &mut row.sticky_ms, &mut row.lost_since_ms].into_iter().for_each(back);
        }
        self.save_device();
        back(&mut self.witnesses.bumped_ms);
        let row = self.witnesses.clone();
        self.put(vec![kind::WITNESSES], &row);
        self.mind_prekeys(now);
        self.mind_people(now);
        self.mind_messages(now);
        self.live.next_tend_ms = 0;
        self.live.next_hourly_ms = 0;
        self.live.greeted_ms = 0;
        self.live.read_back.clear();
        self.live.hinted.clear();
        self.live.wanted.values_mut().for_each(|(at, _)| back(at));
        self.want_own(now);
        self.retry_inits(m);
    }

    fn mind_prekeys(&mut self, now: u64) {
        let ids: Vec<[u8; 4]> = self.prekeys.keys().copied().collect();
        for id in ids {
            if let Some(own) = self.prekeys.get_mut(&id) {
                own.made_ms = own.made_ms.min(now);
                own.superseded_ms = own.superseded_ms.map(|at| at.min(now));
            }
            self.save_prekey(&id);
        }
    }

    fn mind_people(&mut self, now: u64) {
        let back = |at: &mut u64| *at = (*at).min(now);
        let accounts: Vec<_> = self.people.keys().copied().collect();
        for account in accounts {
            self.change_person(account, |row| {
                [&mut row.fetched_ms, &mut row.absent_ms, &mut row.fork_ms].into_iter().for_each(back);
            });
        }
        let devices: Vec<_> = self.peers.keys().copied().collect();
        for device in devices {
            self.change_peer(device, |row| {
                let times = [&mut row.heard_ms, &mut row.newest_ms, &mut row.reset_ms, &mut row.quiet_ms];
                times.into_iter().chain([&mut row.listed_ms, &mut row.unendorsed_ms]).for_each(back);
                back(&mut row.resends.0);
                row.suspicions.iter_mut().for_each(back);
            });
        }
        let owed: Vec<_> = self.owed.iter().filter(|(_, row)| row.due_ms != u64::MAX).map(|(at, _)| *at).collect();
        for device in owed {
            if let Some(row) = self.owed.get_mut(&device) {
                back(&mut row.due_ms);
                let row = row.clone();
                self.put(device_key(kind::OWED, &device), &row);
            }
        }
    }

    fn mind_messages(&mut self, now: u64) {
        let back = |at: &mut u64| *at = (*at).min(now);
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            if let Some(row) = self.out.get_mut(&number) {
                back(&mut row.created_ms);
                row.failed &= now.saturating_sub(row.created_ms) > GIVE_UP_MS; // given up too early

                for target in &mut row.targets {
                    let times = [&mut target.first_ms, &mut target.sealed_ms, &mut target.acked_ms, &mut target.gap_ms];
                    times.into_iter().chain([&mut target.after_ms, &mut target.not_before_ms]).for_each(back);
                }
            }
            self.save_out(number);
        }
        let sessions: Vec<[u8; 16]> = self.sessions.keys().copied().collect();
        for id in sessions {
            let Some(running) = self.sessions.get_mut(&id) else { continue };
            let row = &mut running.row;
            [&mut row.retired_ms, &mut row.bundle_ms, &mut row.used_ms].into_iter().for_each(back);
            let row = row.clone();
            self.put(key(kind::SESSION, &id), &row);
        }
    }
}
