//! The multi-device simulator of forward-secrecy 5.3: accounts with one to three devices, one engine's session manager
//! for each device, a swarm that loses, doubles, delays and hides, and devices that crash, are restored from the words
//! or go back in time. It counts what was lost.

mod crew;
mod history;
mod swarm;

pub use self::crew::{Device, Disk, Sim};
pub use self::swarm::{Blob, Recorded, Swarm};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS};

/// What goes wrong in a history; percentages of the occasions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Stores that are confirmed and lost.
    pub lost: u32,
    /// Deaths of a device's program, before or after a commit, or between two stores.
    pub crashes: u32,
    /// Devices erased and restored from the words.
    pub restores: u32,
    /// Two devices of an account erased at once; their successors write the list at the same moment.
    pub races: u32,
    /// Devices put back to an earlier state of their store.
    pub rollbacks: u32,
    /// The nodes hide the witnesses, so that no device notices.
    pub blind: bool,
    /// Reads of an outbox that give nothing, or an older value.
    pub equivocation: u32,
    /// Lists and bundles that are seen only hours after they were stored, so that mail of new devices comes first.
    pub late_lists: u32,
    /// Blobs of a mailbox that a read does not give, and reads of witnesses that give any part of them.
    pub withheld: u32,
    /// Clocks that are wrong by up to this much.
    pub skew_ms: i64,
    /// One device's clock is wrong by this much for the first half, in either direction.
    pub liar_ms: i64,
    /// Days without anybody online, longer than prekeys rotate.
    pub absences: u32,
}

/// What came of some histories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages written.
    pub messages: u64,
    /// Not on any device of the recipient, never acknowledged, and the sender still had them.
    pub lost: u64,
    /// Missing on one device that was there all the time, although another has them.
    pub missing: u64,
    /// Acknowledged, then gone with the history of a device that was erased or put back.
    pub vanished: u64,
    /// Shown twice on one device.
    pub twice: u64,
    /// Sessions that replaced one that did not serve, until everything has settled.
    pub resets: u64,
    /// The same in the last three days, in which every device writes twice: there should be none.
    pub late_resets: u64,
    /// Pairs of devices that use the same session at the end, and all pairs that use one.
    pub agreeing: u64,
    pub pairs: u64,
    /// Faults that happened, of the row's own kind.
    pub faults: u64,
}

/// The rows of the table, with the faults of each.
#[must_use]
pub fn rows() -> Vec<(&'static str, Faults)> {
    let none = Faults::default();
    let hours = |n: i64| n * 3_600_000;
    vec![
        ("none", none),
        ("10 % of stores vanish silently", Faults { lost: 10, ..none }),
        ("crashes at every point", Faults { crashes: 4, ..none }),
        ("restores from the words", Faults { restores: 8, ..none }),
        ("two devices write the list at once", Faults { races: 8, ..none }),
        ("clocks wrong by up to 30 minutes", Faults { skew_ms: hours(1) / 2, ..none }),
        ("one clock 3 hours ahead, then right", Faults { liar_ms: hours(3), ..none }),
        ("one clock 2 years ahead, then right", Faults { liar_ms: hours(2 * 365 * 24), ..none }),
        ("one clock 5 days behind, then right", Faults { liar_ms: -hours(5 * 24), ..none }),
        ("nodes hide and age the outbox", Faults { equivocation: 30, ..none }),
        ("nodes withhold mail and witnesses", Faults { withheld: 30, ..none }),
        ("mail of new devices before their list", Faults { restores: 8, late_lists: 40, ..none }),
        ("all away for days", Faults { absences: 8, ..none }),
        (
            "lost, crashed, restored, equivocating",
            Faults { lost: 8, crashes: 2, restores: 3, races: 1, equivocation: 10, withheld: 5, late_lists: 5, ..none },
        ),
        ("rollbacks, all detected", Faults { rollbacks: 12, ..none }),
        ("rollbacks, none detected", Faults { rollbacks: 12, blind: true, ..none }),
    ]
}

/// Many histories of one row together.
#[must_use]
pub fn histories(first_seed: u64, count: u64, messages: u32, faults: Faults) -> Tally {
    let mut all = Tally::default();
    for seed in first_seed..first_seed + count {
        all.add(&Sim::random(seed, faults).run(messages));
    }
    all
}

impl Tally {
    /// Adds another's counts.
    pub fn add(&mut self, one: &Self) {
        self.messages += one.messages;
        self.lost += one.lost;
        self.missing += one.missing;
        self.vanished += one.vanished;
        self.twice += one.twice;
        self.resets += one.resets;
        self.late_resets += one.late_resets;
        self.agreeing += one.agreeing;
        self.pairs += one.pairs;
        self.faults += one.faults;
    }
}
