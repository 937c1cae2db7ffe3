//! Disappearing messages (session-messages 5.5): the setting in its three forms, and when a message's time starts.

use zwiebel_proto::config::{Expiry as ConfigExpiry, ExpiryMode};
use zwiebel_proto::content::{Expiration, ExpirationKind};

use crate::model::rows::ExpiresRow;
use crate::view::Expiry;

/// The setting without a form of off other than [`Expiry::Off`].
pub(crate) const fn tidy(expiry: Expiry) -> Expiry {
    match expiry {
        Expiry::AfterSend(0) | Expiry::AfterRead(0) => Expiry::Off,
        other => other,
    }
}

/// In the note to self the time always starts with sending.
pub(crate) const fn for_self(expiry: Expiry) -> Expiry {
    match expiry {
        Expiry::AfterRead(seconds) => tidy(Expiry::AfterSend(seconds)),
        other => tidy(other),
    }
}

/// 0 for off.
pub(crate) fn seconds(expiry: Expiry) -> u64 {
    match expiry {
        Expiry::Off => 0,
        Expiry::AfterSend(seconds) | Expiry::AfterRead(seconds) => u64::from(seconds),
    }
}

pub(crate) fn millis(expiry: Expiry) -> u64 {
    seconds(expiry).saturating_mul(1000)
}

pub(crate) const fn to_config(expiry: Expiry) -> Option<ConfigExpiry> {
    let (mode, seconds) = match tidy(expiry) {
        Expiry::Off => return None,
        Expiry::AfterSend(seconds) => (ExpiryMode::AfterSend, seconds),
        Expiry::AfterRead(seconds) => (ExpiryMode::AfterRead, seconds),
    };
    Some(ConfigExpiry { mode, seconds: seconds as u64 })
}

pub(crate) fn from_config(expiry: Option<ConfigExpiry>) -> Expiry {
    let Some(ConfigExpiry { mode, seconds }) = expiry else { return Expiry::Off };
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    tidy(match mode {
        ExpiryMode::AfterSend => Expiry::AfterSend(seconds),
        ExpiryMode::AfterRead => Expiry::AfterRead(seconds),
    })
}

pub(crate) const fn to_content(expiry: Expiry) -> Expiration {
    match tidy(expiry) {
        Expiry::Off => Expiration::OFF,
        Expiry::AfterSend(seconds) => Expiration { kind: ExpirationKind::AfterSend, seconds },
        Expiry::AfterRead(seconds) => Expiration { kind: ExpirationKind::AfterRead, seconds },
    }
}

/// What a message says: absent means off.
pub(crate) fn from_content(expiration: Option<Expiration>) -> Expiry {
    let Some(Expiration { kind, seconds }) = expiration else { return Expiry::Off };
    tidy(match kind {
        ExpirationKind::Off => Expiry::Off,
        ExpirationKind::AfterSend => Expiry::AfterSend(seconds),
        ExpirationKind::AfterRead => Expiry::AfterRead(seconds),
    })
}

/// A message that will disappear, its time not started.
pub(crate) fn waiting(expiry: Expiry) -> Option<ExpiresRow> {
    (tidy(expiry) != Expiry::Off).then_some(ExpiresRow { after: expiry, at_ms: None })
}

/// A message that came in. `stored_until` is the member's word, believed between the earliest and the latest it can be.
pub(crate) fn received(
    expiry: Expiry,
    sent_ms: u64,
    stored_until: u64,
    now: u64,
    own: bool,
    read: bool,
) -> Option<ExpiresRow> {
    let row = waiting(expiry)?;
    let span = millis(expiry);
    let latest = now.saturating_add(span);
    let at_ms = match expiry {
        Expiry::AfterSend(_) => Some(stored_until.clamp(sent_ms.saturating_add(span).min(latest), latest)),
        Expiry::AfterRead(_) if own => Some(sent_ms.saturating_add(span).min(latest)),
        // Read on another device: it shortened the time in the swarm when it was.
        Expiry::AfterRead(_) if read => Some(stored_until.min(latest)),
        _ => None,
    };
    Some(ExpiresRow { at_ms, ..row })
}
