//! Linking a device by a code that it shows and another device of the account scans (forward-secrecy 5.4).
//!
//! The new device has no account yet: it makes a throw-away one, shows its id and a secret, and polls its mailbox. The
//! scanner stores there, for ten minutes, the words and a token. The new device then restores the account, and presents
//! itself to the others with the hash of the token: the scanner vouches for whoever shows it. The specification puts that
//! hash into a request of its own; here it travels in the greeting between the two devices, whose session proves whose it is.

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::secret::Secret;
use zwiebel_proto::account::Account;
use zwiebel_proto::sorted::SortedMap;
use zwiebel_proto::storage_rpc::{self, MaxSize, Namespace, RetrieveResponse};
use zwiebel_proto::zr1::link::{LinkCode, LinkToken};
use zwiebel_proto::zr1::mailbox::ttl;

use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::rows::{OutboxRow, Outgoing, Sealed};
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose};
use crate::view::{LinkText, Refusal, ViewEvent};

/// The mailbox of the throw-away account is looked at this often.
const LOOK_MS: u64 = 1_500;

/// Linking, in this run: it ends with the screen.
#[derive(Default)]
pub(crate) struct Linking {
    shown: Option<Shown>,
    /// What a scanner gave this device; goes into its first greeting.
    pub(crate) token_hash: Option<[u8; 32]>,
    /// What this device gave to others: until when it counts, and how many days of history go with it.
    given: SortedMap<[u8; 32], (u64, u16)>,
}

/// The code on the screen of the new device.
struct Shown {
    account: Account,
    code: LinkCode,
    flying: Option<RequestId>,
    next_at: u64,
}

impl Engine {
    /// Shows a code, if there is no account here.
    pub(crate) fn show_link_code(&mut self, cx: &mut Cx<'_>) -> Result<(), Refusal> {
        if self.model.account.is_some() {
            return Err(Refusal::AccountExists);
        }
        let account = Account::generate(cx.rng);
        let code = LinkCode::generate(account.id(), cx.rng);
        self.out.emit(ViewEvent::LinkCode(LinkText(code.to_text().to_string())));
        self.live.linking.shown = Some(Shown { account, code, flying: None, next_at: cx.now });
        Ok(())
    }

    pub(crate) fn hide_link_code(&mut self) {
        self.live.linking.shown = None;
    }

    /// Looks into the mailbox of the throw-away account.
    pub(crate) fn run_link(&mut self, cx: &mut Cx<'_>) {
        let due = self.live.linking.shown.as_ref().filter(|shown| shown.flying.is_none() && shown.next_at <= cx.now);
        let Some(owner) = due.map(|shown| shown.account.id()) else { return };
        if self.net.paths.list.is_empty() || self.net.pause_until > cx.now || self.live.clock_check.is_busy() {
            return;
        }
        let swarm = self.net.swarms.of(&owner, &self.net.pool, cx.now);
        let thin = swarm.is_thin();
        let member = swarm.clone().choose_reachable(&self.net.paths, &NodeSet::default(), &[], cx.rng);
        if thin {
            self.ask_swarm(cx, owner);
        }
        let timestamp = self.network_now(cx);
        let request =
            self.live.linking.shown.as_ref().map(|shown| {
                storage_rpc::retrieve(&shown.account, Namespace::MESSAGES, None, MaxSize::Default, timestamp)
            });
        let asked = match (member, request) {
            (Some(member), Some(request)) => self.ask(cx, Purpose::Link, &member, &request, &[]),
            _ => None,
        };
        if let Some(shown) = &mut self.live.linking.shown {
            shown.flying = asked;
            shown.next_at = cx.now.saturating_add(LOOK_MS);
        }
    }

    pub(crate) fn link_came(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: Answer) {
        let Some(shown) = self.live.linking.shown.as_mut().filter(|shown| shown.flying == Some(id)) else { return };
        shown.flying = None;
        let body = match answer {
            Answer::Reply { status: 200, body, .. } => body,
            Answer::Reply { status: 406 | 425, .. } => {
                self.live.clock_check.want(cx.now);
                return;
            }
            _ => return,
        };
        let messages = RetrieveResponse::parse(&body).map(|answer| answer.messages).unwrap_or_default();
        let opened = messages.iter().find_map(|message| shown.code.open_answer(shown.account.x25519(), &message.data));
        let Some(answer) = opened else { return };
        self.live.linking.shown = None;
        self.live.linking.token_hash = Some(answer.token.hash());
        let account = Account::from_seed16(*answer.seed.expose());
        self.restore_from(cx, account);
    }

    /// Gives the account to the device whose code was scanned, and the messages of so many days.
    pub(crate) fn answer_link_code(&mut self, cx: &mut Cx<'_>, text: &str, days: u16) -> Result<(), Refusal> {
        let code = LinkCode::parse(text.trim()).map_err(|_| Refusal::NotALinkCode)?;
        let account = self.model.account.as_ref().ok_or(Refusal::NoAccount)?;
        let token = LinkToken::generate(cx.rng);
        let seed = Secret::new(*account.seed16());
        let data = code.answer(&seed, &token, cx.rng).map_err(|_| Refusal::NotALinkCode)?;
        let created_ms = self.network_now(cx);
        self.live.linking.given.insert(token.hash(), (created_ms.saturating_add(ttl::LINK), days));
        let hash = crate::outbox::hash_of(&code.account, &data);
        let sealed = Sealed { data, hash };
        let what = Outgoing::Control;
        self.enqueue(OutboxRow {
            to: code.account,
            what,
            sealed,
            ttl_ms: ttl::LINK,
            created_ms,
            failed: false,
            sync: None,
        });
        Ok(())
    }

    /// A device of the account has shown what only the one that was scanned can know.
    pub(crate) fn link_shown(&mut self, cx: &mut Cx<'_>, device: DeviceId, token_hash: [u8; 32]) {
        let now = self.network_now(cx);
        let Some((until, days)) = self.live.linking.given.remove(&token_hash) else { return };
        if until < now {
            return;
        }
        self.with_zr1(cx, |manager, m| manager.endorse(device, m));
        self.settle_secrecy(cx, "");
        if days > 0 {
            self.send_history(cx, device, days);
        }
        let view = self.devices_view();
        self.out.emit(ViewEvent::Devices(view));
    }

    pub(crate) fn link_wake_at(&self) -> Option<u64> {
        let shown = self.live.linking.shown.as_ref().filter(|shown| shown.flying.is_none())?;
        Some(shown.next_at.max(self.net.pause_until))
    }
}
