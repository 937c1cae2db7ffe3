//! Has local state gone back in time, or is a twin running? (6.4) And the manager's clockwork.
//!
//! Only witnesses of our own log can be shown to us, whatever nodes replay or withhold: each is committed to the log
//! before it is published. So only a true rollback is taken for one.

use zwiebel_proto::zr1::mailbox::{self, ttl};
use zwiebel_proto::zr1::witness::{self, MAX_LOG, Witness};

use super::rows::{Status, kind};
use super::{Delete, HOUR_MS, MINUTE_MS, Manager, Moment};

/// Starts that follow each other faster share a witness.
const BUMP_MS: u64 = 10 * MINUTE_MS;
/// What only time does is looked at this often.
const TEND_MS: u64 = MINUTE_MS;

impl Manager {
    /// Whether the witnesses in the own swarm (namespace 6004) must be read before anything is sent.
    #[must_use]
    pub const fn wants_witnesses(&self) -> bool {
        !self.live.witness_checked
    }

    /// What two nodes hold of witnesses.
    pub fn witnesses_read(&mut self, blobs: &[Vec<u8>], m: &mut Moment<'_>) {
        if self.live.witness_checked || !self.is_on() {
            return;
        }
        let Some(device) = &self.device else { return };
        let remote: Vec<Witness> = blobs.iter().filter_map(|blob| witness::open(&device.keys, blob)).collect();
        let smallest = self.witnesses.log.iter().map(|(incarnation, _)| *incarnation).min().unwrap_or(0);
        let known = |seen: &Witness| self.witnesses.log.contains(&(seen.incarnation, seen.nonce));
        self.live.old_witnesses = blobs
            .iter()
            .filter(|blob| witness::open(&device.keys, blob).is_some_and(|seen| known(&seen)))
            .cloned()
            .collect();
        let alarm = remote.iter().any(|seen| seen.incarnation >= smallest && !known(seen));
        self.live.witness_checked = true;
        if alarm {
            let since = self.knew_until(m.now_ms);
            self.renew(true, m);
            if let Some(device) = &mut self.device {
                device.row.lost_since_ms = since;
                if !device.row.hello.contains(&self.own) {
                    device.row.hello.push(self.own); // siblings, too, have sent what is gone
                }
            }
            self.save_device();
        } else if m.now_ms.saturating_sub(self.witnesses.bumped_ms) >= BUMP_MS || remote.is_empty() {
            self.bump_witness(m);
        }
        self.pump(m);
    }

    /// A new incarnation: into the log, and only with that commit to the swarm.
    pub(super) fn bump_witness(&mut self, m: &mut Moment<'_>) {
        let Some(device) = &self.device else { return };
        let largest = self.witnesses.log.iter().map(|(incarnation, _)| *incarnation).max().unwrap_or(0);
        let mut nonce = [0; 16];
        m.rng.fill_bytes(&mut nonce);
        let new = Witness { incarnation: largest.saturating_add(1), nonce };
        let blob = witness::seal(&device.keys, &new, &mut *m.rng);
        self.witnesses.log.push((new.incarnation, new.nonce));
        let excess = self.witnesses.log.len().saturating_sub(MAX_LOG);
        self.witnesses.log.drain(..excess);
        self.witnesses.bumped_ms = m.now_ms;
        let row = self.witnesses.clone();
        self.put(vec![kind::WITNESSES], &row);
        let number = self.store(self.own, mailbox::WITNESSES, ttl::OWNED, blob);
        self.live.witness_store = Some(number);
    }

    /// The newest witness is where it belongs: those before it say nothing any more.
    pub(super) fn forget_old_witnesses(&mut self) {
        self.live.witness_store = None;
        let old = std::mem::take(&mut self.live.old_witnesses);
        self.step.deletes.extend(old.into_iter().map(|data| Delete { namespace: mailbox::WITNESSES, data }));
    }

    /// Everything that is due by time.
    pub fn tick(&mut self, m: &mut Moment<'_>) {
        let status = self.device.as_ref().map(|device| device.row.status);
        if !matches!(status, Some(Status::New | Status::Listed | Status::Dropped)) {
            return;
        }
        self.mind_the_clock(m);
        self.tend_own_reads(m.now_ms);
        if status == Some(Status::Dropped) {
            return;
        }
        self.tend_unchecked(m.now_ms);
        self.tend_prekeys(m);
        self.tend_list(m);
        self.tend_sticky(m);
        self.tend_waiting(m);
        self.tend_held(m);
        if m.now_ms >= self.live.next_tend_ms {
            self.live.next_tend_ms = m.now_ms.saturating_add(TEND_MS);
            self.tend_sessions(m.now_ms);
            self.tend_leftovers(m.now_ms);
            self.tend_outbox(m.now_ms);
        }
        if m.now_ms >= self.live.next_hourly_ms {
            self.live.next_hourly_ms = m.now_ms.saturating_add(HOUR_MS);
            self.tend_taken(m.now_ms);
            self.retry_inits(m);
        }
        self.tend_hello(m);
        self.pump(m);
    }

    /// When [`Manager::tick`] has something to do at the latest.
    #[must_use]
    pub fn wake_at(&self, now: u64) -> Option<u64> {
        if !self.is_on() {
            return None;
        }
        let owed = self.owed.values().map(|owed| owed.due_ms).min();
        let wanted = self.live.wanted.values().map(|(at, _)| *at).min();
        let again = self.live.read_back.first().copied();
        let greets = self.may_send() && self.device.as_ref().is_some_and(|device| !device.row.hello.is_empty());
        let greeting = greets.then(|| self.live.greeted_ms.saturating_add(super::SECOND_MS));
        let soon = [owed, wanted, again, greeting, self.outbox_wake_at(now)].into_iter().flatten().min();
        Some(soon.unwrap_or(u64::MAX).min(now.saturating_add(TEND_MS * 5)).max(now.saturating_add(1)))
    }
}
