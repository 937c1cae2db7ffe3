//! What can be chosen for disappearing messages (session-messages 5.5). Knows no screen.

use zwiebel_engine::view::Expiry;
use zwiebel_proto::sorted::sort;

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// From when on the time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Messages stay.
    Off,
    AfterSend,
    AfterRead,
}

impl Mode {
    /// What can be chosen in a conversation: notes to self are never "read".
    #[must_use]
    pub const fn all(is_self: bool) -> &'static [Self] {
        if is_self { &[Self::Off, Self::AfterSend] } else { &[Self::Off, Self::AfterSend, Self::AfterRead] }
    }

    /// The usual times in seconds, the same as in other clients.
    #[must_use]
    pub const fn times(self) -> &'static [u32] {
        match self {
            Self::Off => &[],
            Self::AfterSend => &[12 * HOUR, DAY, 7 * DAY, 14 * DAY],
            Self::AfterRead => &[5 * MINUTE, HOUR, 12 * HOUR, DAY, 7 * DAY, 14 * DAY],
        }
    }

    /// The time that is offered first.
    #[must_use]
    pub const fn usual(self) -> u32 {
        match self {
            Self::Off => 0,
            Self::AfterSend => DAY,
            Self::AfterRead => 12 * HOUR,
        }
    }

    /// With this time.
    #[must_use]
    pub const fn lasting(self, seconds: u32) -> Expiry {
        match self {
            Self::Off => Expiry::Off,
            Self::AfterSend => Expiry::AfterSend(seconds),
            Self::AfterRead => Expiry::AfterRead(seconds),
        }
    }
}

/// Mode and time of a setting.
#[must_use]
pub const fn parts(expiry: Expiry) -> (Mode, u32) {
    match expiry {
        Expiry::Off => (Mode::Off, 0),
        Expiry::AfterSend(seconds) => (Mode::AfterSend, seconds),
        Expiry::AfterRead(seconds) => (Mode::AfterRead, seconds),
    }
}

/// The times to offer: the usual ones, and the one in force where another client set an unusual one.
#[must_use]
pub fn times(mode: Mode, in_force: Expiry) -> Vec<u32> {
    let mut times = mode.times().to_vec();
    let (set, seconds) = parts(in_force);
    if set == mode && !times.contains(&seconds) && mode != Mode::Off {
        times.push(seconds);
        sort(&mut times);
    }
    times
}
