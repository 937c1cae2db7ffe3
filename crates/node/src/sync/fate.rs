//! What an account's removals mean for one of its messages that comes from another member.

use serde_json::Map;
use serde_json::Value;

use crate::rpc::call::Call;
use crate::rpc::call::Format;
use crate::rpc::call::TokensCall;
use crate::rpc::parse;
use crate::store::messages::Message;
use crate::store::messages::Move;
use crate::store::messages::Scope;
use crate::store::removals::Removal;

/// A removal that has been read.
#[derive(Debug)]
pub(super) struct Verdict {
    made: i64,
    call: Call,
}

impl Verdict {
    /// Reads a call that this node has checked and kept.
    pub(super) fn read(removal: &Removal) -> Option<Self> {
        let params: Map<String, Value> = serde_json::from_str(&removal.params).ok()?;
        let request = parse::request(&removal.method, params, Format::Json).ok()?;
        Some(Self { made: removal.made, call: request.call })
    }

    /// Whether the call was made after this time.
    pub(super) const fn is_after(&self, time: i64) -> bool {
        self.made > time
    }

    /// The unrevocation that it is.
    pub(super) const fn unrevocation(&self) -> Option<&TokensCall> {
        match &self.call {
            Call::Unrevoke(call) => Some(call),
            _ => None,
        }
    }

    /// Whether it only extends.
    pub(super) fn extends(&self) -> bool {
        matches!(&self.call, Call::Expire(call) if call.moves() == Some(Move::Extend))
    }

    /// Whether it moves the expiry of this message, which it names.
    pub(super) fn moves(&self, hash: &str) -> bool {
        matches!(&self.call, Call::Expire(call) if call.expiry_of(hash).is_some())
    }

    /// When it was made, if it ends messages that this extension gives a longer life.
    pub(super) fn is_lifted_by(&self, extension: &Self) -> Option<i64> {
        let Call::Expire(longer) = &extension.call else { return None };
        let lifted = match &self.call {
            Call::Expire(_) => !self.extends() && longer.hashes.iter().any(|hash| self.moves(hash)),
            Call::ExpireAll(_) => true,
            _ => false,
        };
        lifted.then_some(self.made)
    }

    /// When the message ends at the latest by this call after those before it; none if the call took it away.
    fn end(&self, latest: i64, message: &Message) -> Option<i64> {
        match &self.call {
            Call::Delete(_) | Call::Expire(_) if message.stored > self.made => Some(latest),
            Call::Delete(call) if call.hashes.contains(&message.hash) => None,
            Call::DeleteAll(call) | Call::DeleteBefore(call)
                if covers(call.scope, message) && message.timestamp <= call.time =>
            {
                None
            }
            Call::ExpireAll(call) if covers(call.scope, message) && message.timestamp <= self.made => {
                Some(latest.min(call.time))
            }
            Call::Expire(call) => Some(match (call.moves(), call.expiry_of(&message.hash)) {
                (Some(Move::Set), Some(wanted)) => wanted,
                (Some(Move::Shorten), Some(wanted)) => latest.min(wanted),
                (Some(Move::Extend), Some(wanted)) => latest.max(wanted),
                _ => latest,
            }),
            _ => Some(latest),
        }
    }
}

fn covers(scope: Scope, message: &Message) -> bool {
    scope == Scope::All || scope == Scope::One(message.namespace)
}

/// When the message ends by all of these, in the order in which they were made; none if it is gone.
pub(super) fn end(verdicts: &[Verdict], message: &Message) -> Option<i64> {
    let latest = verdicts.iter().try_fold(i64::MAX, |latest, verdict| verdict.end(latest, message))?;
    Some(latest.min(message.expiry))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::account::Account;
    use crate::encoding::base64;

    const T: i64 = 1_700_000_000_000;

    fn expire(made: i64, expiry: i64, how: &str, flags: Option<u8>) -> Verdict {
        let account = Account { prefix: 3, key: [1; 32] };
        let mut params = json!({
            "pubkey": account.to_string(), "messages": ["A".repeat(43)], "expiry": expiry, "signature": base64(&[0; 64]),
        });
        if !how.is_empty() {
            params[how] = true.into();
        }
        if let Some(flags) = flags {
            let token = [&[3, flags, 0, 0], [2; 32].as_slice()].concat();
            params["subaccount"] = base64(&token).into();
            params["subaccount_sig"] = base64(&[0; 64]).into();
        }
        let removal = Removal { account, method: "expire".to_owned(), params: params.to_string(), made };
        Verdict::read(&removal).unwrap()
    }

    fn ends(verdicts: &[Verdict]) -> Option<i64> {
        let (hash, data) = ("A".repeat(43), Vec::new());
        end(verdicts, &Message { hash, namespace: 0, timestamp: T, expiry: T + 100, stored: T, data })
    }

    #[test]
    fn the_last_call_says_when_a_message_ends() {
        let (set, extended) = (expire(T + 1, T + 50, "", None), expire(T + 2, T + 80, "extend", None));
        assert_eq!(set.is_lifted_by(&extended), Some(T + 1));
        assert_eq!(extended.is_lifted_by(&extended), None);
        assert_eq!(ends(&[expire(T + 1, T + 50, "", None)]), Some(T + 50));
        assert_eq!(ends(&[set, extended]), Some(T + 80), "an extension gives back what an earlier call took");
        let shortened = [expire(T + 1, T + 80, "extend", None), expire(T + 2, T + 50, "shorten", None)];
        assert_eq!(ends(&shortened), Some(T + 50));
        assert_eq!(ends(&[expire(T - 1, T + 50, "", None)]), Some(T + 100), "stored after the call");
    }

    #[test]
    fn who_may_not_delete_does_not_shorten_either() {
        let (write, delete) = (2, 4);
        assert_eq!(ends(&[expire(T + 1, T + 50, "", Some(write))]), Some(T + 100));
        assert_eq!(ends(&[expire(T + 1, T + 50, "", Some(write | delete))]), Some(T + 50));
    }
}
