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

    /// When the message ends by this call; none if the call took it away.
    fn end(&self, message: &Message) -> Option<i64> {
        let expiry = message.expiry;
        match &self.call {
            Call::Delete(_) | Call::Expire(_) if message.stored > self.made => Some(expiry),
            Call::Delete(call) if call.hashes.contains(&message.hash) => None,
            Call::DeleteAll(call) | Call::DeleteBefore(call)
                if covers(call.scope, message) && message.timestamp <= call.time =>
            {
                None
            }
            Call::ExpireAll(call) if covers(call.scope, message) && message.timestamp <= self.made => {
                Some(expiry.min(call.time))
            }
            Call::Expire(call) if call.how != Move::Extend => {
                let at = call.hashes.iter().position(|hash| *hash == message.hash);
                let set = at.and_then(|at| call.expiries.get(at).or_else(|| call.expiries.first()));
                Some(set.map_or(expiry, |set| expiry.min(*set)))
            }
            _ => Some(expiry),
        }
    }
}

fn covers(scope: Scope, message: &Message) -> bool {
    scope == Scope::All || scope == Scope::One(message.namespace)
}

/// When the message ends by all of these; none if it is gone.
pub(super) fn end(verdicts: &[Verdict], message: &Message) -> Option<i64> {
    verdicts.iter().try_fold(message.expiry, |least, verdict| Some(least.min(verdict.end(message)?)))
}
