//! What the user interface shows, as plain structs of signals, and what it can do. Fed by the engine's view events, answers
//! with commands. Knows no document, no store, no network and no protocol.
//!
//! Everything here lives as long as the page: it is made once, under an owner that is never disposed.

pub mod composer;
pub mod conversations;
pub mod expiry;
pub mod prefs;
pub mod restore;
pub mod route;
pub mod timeline;

use leptos::prelude::*;
pub use zwiebel_engine::input::Command;
pub use zwiebel_engine::input::CommitFailure;
pub use zwiebel_engine::view::*;
pub use zwiebel_proto::account_id::AccountId;
pub use zwiebel_proto::account_id::AccountIdError;
pub use zwiebel_proto::directory::NetworkKind;

use crate::boot::Link;
use crate::boot::PageStatus;
use crate::i18n::K;
use crate::i18n::t;
use crate::text;
use conversations::Conversations;
use prefs::Prefs;
use route::Route;
use timeline::Timeline;

/// A short note at the bottom of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// Grows; names the toast.
    pub id: u32,
    pub text: String,
}

/// A device's id, and the numbers of the pictures it is recognised by; none: it is not listed.
pub type DeviceCode = ([u8; 16], Option<[u8; 7]>);

/// How an account is about to begin on a page without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Onboarding {
    /// Welcome, or the landing of a link.
    #[default]
    Start,
    /// Asking for a name.
    Name,
    /// Asking for the words.
    Restore,
}

/// The whole of it.
#[derive(Clone, Copy)]
pub struct App {
    link: StoredValue<Link, LocalStorage>,
    pub status: RwSignal<PageStatus>,
    /// A newer version of the app is installed and waits.
    pub update_ready: RwSignal<bool>,
    /// The engine has told what there is.
    pub ready: RwSignal<bool>,
    pub account: RwSignal<Option<AccountView>>,
    pub onboarding: RwSignal<Onboarding>,
    /// The account is being made (from the tap on the button to the engine's answer).
    pub creating: RwSignal<bool>,
    pub restore: RwSignal<Option<RestoreView>>,
    /// The person went on to the conversations while the restore runs.
    pub restore_aside: RwSignal<bool>,
    /// The engine said no to the phrase.
    pub restore_refused: RwSignal<bool>,
    pub phrase: RwSignal<Option<Phrase>>,
    pub erasing: RwSignal<bool>,
    pub conversations: Conversations,
    pub timeline: Timeline,
    pub network: RwSignal<NetworkView>,
    pub problem: RwSignal<Option<Problem>>,
    /// Account data in the network.
    pub sync: RwSignal<SyncView>,
    /// The devices of the account.
    pub devices: RwSignal<DevicesView>,
    /// The code by which another device can give its account to this one.
    pub link_code: RwSignal<Option<String>>,
    /// The code of a device that was asked for last.
    pub device_code: RwSignal<Option<DeviceCode>>,
    /// The person closed the bar about forward secrecy that is off.
    pub off_closed: RwSignal<bool>,
    /// The person closed the bar about the recovery phrase.
    pub phrase_closed: RwSignal<bool>,
    /// The safety number that was asked for last, and with whom it is; none inside: not known yet.
    pub safety: RwSignal<Option<(AccountId, Option<String>)>>,
    /// The problem whose bar the person closed.
    pub sync_closed: RwSignal<Option<SyncProblem>>,
    pub toasts: RwSignal<Vec<Toast>>,
    toast_count: RwSignal<u32>,
    /// The dialogs that are open, the topmost last.
    pub dialogs: RwSignal<Vec<u32>>,
    pub route: RwSignal<Route>,
    /// Whose link was followed, and what it had beside the id, until the engine knows.
    link_hint: RwSignal<Option<(AccountId, String)>>,
    /// The screen under dialogs: home, requests or a conversation.
    pub base: RwSignal<Route>,
    /// The contact sheet of the open conversation is shown.
    pub details: RwSignal<bool>,
    pub prefs: Prefs,
    /// The page is in front.
    pub visible: RwSignal<bool>,
    /// The day it is, as [`text::time::local_day`] counts them.
    today: RwSignal<i64>,
    /// Text that screen readers speak (new messages).
    pub announce: RwSignal<String>,
}

impl App {
    /// Makes the view models; call it under an owner that lives as long as the page.
    #[must_use]
    pub fn new(link: Link) -> Self {
        Self {
            link: StoredValue::new_local(link),
            status: RwSignal::new(PageStatus::Starting),
            update_ready: RwSignal::new(false),
            ready: RwSignal::new(false),
            account: RwSignal::new(None),
            onboarding: RwSignal::new(Onboarding::Start),
            creating: RwSignal::new(false),
            restore: RwSignal::new(None),
            restore_aside: RwSignal::new(false),
            restore_refused: RwSignal::new(false),
            phrase: RwSignal::new(None),
            erasing: RwSignal::new(false),
            conversations: Conversations::new(),
            timeline: Timeline::new(),
            network: RwSignal::new(NetworkView::default()),
            problem: RwSignal::new(None),
            sync: RwSignal::new(SyncView::default()),
            devices: RwSignal::new(DevicesView::default()),
            link_code: RwSignal::new(None),
            device_code: RwSignal::new(None),
            off_closed: RwSignal::new(false),
            phrase_closed: RwSignal::new(false),
            safety: RwSignal::new(None),
            sync_closed: RwSignal::new(None),
            toasts: RwSignal::new(Vec::new()),
            toast_count: RwSignal::new(0),
            dialogs: RwSignal::new(Vec::new()),
            route: RwSignal::new(Route::Home),
            link_hint: RwSignal::new(None),
            base: RwSignal::new(Route::Home),
            details: RwSignal::new(false),
            prefs: Prefs::new(),
            visible: RwSignal::new(true),
            today: RwSignal::new(text::time::local_day(text::time::now_ms())),
            announce: RwSignal::new(String::new()),
        }
    }

    /// Asks the engine for something.
    pub fn send(&self, command: Command) {
        self.link.with_value(|link| link.send(command));
    }

    /// Takes the engine over from another tab.
    pub fn take_over(&self) {
        self.status.set(PageStatus::Starting);
        self.link.with_value(Link::take_over);
    }

    /// Reloads into the newer version.
    pub fn use_update(&self) {
        self.update_ready.set(false);
        self.link.with_value(Link::apply_update);
    }

    /// Shows how the page as a whole is doing.
    pub fn set_status(&self, status: PageStatus) {
        if matches!(status, PageStatus::UpdateReady) {
            self.update_ready.set(true);
            return;
        }
        if matches!(status, PageStatus::OtherTab) {
            self.ready.set(false);
        }
        self.status.set(status);
    }

    /// Shows a change the engine told.
    pub fn apply(&self, event: ViewEvent) {
        // Something comes whenever the swarm has answered, so a day does not begin unseen.
        self.look_at_calendar();
        match event {
            ViewEvent::Ready(ready) => self.apply_ready(*ready),
            ViewEvent::Account(account) => {
                self.account.set(Some(account));
                // A scanned code begins a restore without the words.
                if self.creating.get_untracked() || self.onboarding.get_untracked() == Onboarding::Restore {
                    self.creating.set(false);
                    self.onboarding.set(Onboarding::Start);
                    self.open_routed();
                }
            }
            ViewEvent::RecoveryPhrase(phrase) => {
                self.prefs.phrase_seen.set(true);
                self.phrase.set(Some(phrase));
            }
            ViewEvent::RestoreRefused => {
                self.creating.set(false);
                self.restore_refused.set(true);
            }
            ViewEvent::Restore(view) => {
                // Whoever brought the account back has the words, or another device that has them.
                self.prefs.phrase_seen.set(true);
                self.restore.update(|known| *known = Some(onwards(*known, view)));
            }
            ViewEvent::Conversation(view) => {
                self.timeline.header_changed(&view);
                self.conversations.put(view);
                self.read_if_seen();
            }
            ViewEvent::Conversations(views) => {
                views.iter().for_each(|view| self.timeline.header_changed(view));
                self.conversations.put_all(views);
                self.read_if_seen();
            }
            ViewEvent::ConversationGone(with) => {
                self.conversations.remove(&with);
                if self.timeline.with.get_untracked() == Some(with) {
                    self.timeline.items.set(Vec::new());
                }
            }
            ViewEvent::Timeline { with, messages, has_earlier } => {
                let line = self.conversations.first_unread(&with);
                if self.timeline.replace(with, messages, has_earlier, line) {
                    self.read_if_seen();
                }
            }
            ViewEvent::Message { with, message } => self.apply_message(with, message),
            ViewEvent::MessageGone { with, message } => self.timeline.remove(with, message),
            ViewEvent::Typing { with, active } => self.conversations.set_typing(with, active),
            ViewEvent::Network(view) => self.network.set(view),
            ViewEvent::Sync(sync) => self.apply_sync(sync),
            ViewEvent::Devices(devices) => self.devices.set(devices),
            ViewEvent::LinkCode(text) => self.link_code.set(Some(text.0)),
            ViewEvent::DeviceCode { id, code } => self.device_code.set(Some((id, code))),
            ViewEvent::SafetyNumber { with, number } => self.safety.set(Some((with, number))),
            ViewEvent::Refused(refusal) => self.apply_refusal(refusal),
            ViewEvent::Problem(problem) => self.problem.set(problem),
            ViewEvent::Erased => self.apply_erased(),
        }
    }

    fn apply_sync(&self, sync: SyncView) {
        // A problem that was solved and comes back is news.
        if sync.problem != self.sync_closed.get_untracked() {
            self.sync_closed.set(None);
        }
        self.sync.set(sync);
    }

    fn apply_ready(&self, ready: Ready) {
        self.apply_sync(ready.sync);
        self.devices.set(ready.devices);
        self.conversations.set_all(ready.conversations);
        self.network.set(ready.network);
        self.restore.set(ready.restore);
        self.account.set(ready.account);
        self.status.set(PageStatus::Running);
        self.ready.set(true);
        self.timeline.close();
        self.open_routed();
    }

    fn apply_message(&self, with: AccountId, message: MessageView) {
        let spoken = (!message.outgoing && !message.deleted).then(|| message.body.clone());
        let unread_line = !self.seen_now();
        if self.timeline.put(with, message, unread_line)
            && let Some(body) = spoken
        {
            let name = untrack(|| self.conversations.title(&with));
            self.say(format!("{name}: {body}"));
        }
        self.read_if_seen();
    }

    fn apply_refusal(&self, refusal: Refusal) {
        self.creating.set(false);
        let key = match refusal {
            Refusal::EmptyMessage => K::RefEmpty,
            Refusal::MessageTooLong => K::RefTooLong,
            Refusal::UnknownMessage => K::RefUnknown,
            Refusal::NotYours => K::RefNotYours,
            Refusal::NoAccount => K::RefNoAccount,
            Refusal::AccountExists => K::RefExists,
            Refusal::UnusableAccountId => K::RefUnusable,
            Refusal::Blocked => K::RefBlocked,
            Refusal::NotALinkCode => K::LinkNoCode,
        };
        self.toast(t(key));
    }

    fn apply_erased(&self) {
        self.erasing.set(false);
        self.phrase.set(None);
        self.restore.set(None);
        self.restore_aside.set(false);
        self.timeline.close();
        self.conversations.query.set(String::new());
        self.conversations.set_all(Vec::new());
        self.apply_sync(SyncView::default());
        self.devices.set(DevicesView::default());
        self.link_code.set(None);
        self.device_code.set(None);
        self.safety.set(None);
        self.off_closed.set(false);
        self.details.set(false);
        self.announce.set(String::new());
        self.phrase_closed.set(false);
        self.prefs.phrase_seen.set(false);
        self.account.set(None);
        self.onboarding.set(Onboarding::Start);
        self.base.set(Route::Home);
    }

    /// Follows the address bar.
    pub fn set_route(&self, route: Route) {
        if self.route.get_untracked() == route {
            return;
        }
        if route != Route::Phrase {
            self.phrase.set(None);
        }
        if route.is_base() {
            self.base.set(route.clone());
            self.details.set(false);
        }
        self.route.set(route);
        self.open_routed();
    }

    /// Follows the address bar, and what a link has beside the id.
    pub fn follow(&self, fragment: &str) {
        let route = Route::parse(fragment);
        if let (Route::Chat(who), Some(hint)) = (&route, text::id::link_hint(fragment)) {
            self.link_hint.set(Some((*who, hint.to_owned())));
        }
        self.set_route(route);
    }

    /// Opens the conversation the address names, or closes the one that it no longer names.
    fn open_routed(&self) {
        if !self.ready.get_untracked() || self.account.with_untracked(Option::is_none) {
            return;
        }
        let open = self.timeline.with.get_untracked();
        match self.base.get_untracked() {
            Route::Chat(with) if open != Some(with) => {
                self.timeline.open(with);
                if let Some((who, hint)) = self.link_hint.get_untracked().filter(|(who, _)| *who == with) {
                    self.link_hint.set(None);
                    self.send(Command::FollowLink { who, hint });
                }
                self.send(Command::OpenConversation { with });
                if self.conversations.marked_unread(&with) {
                    self.send(Command::MarkUnread { with, unread: false });
                }
            }
            Route::Chat(_) => {}
            _ if open.is_some() => {
                self.timeline.close();
                self.send(Command::CloseConversation);
            }
            _ => {}
        }
    }

    /// Makes a new account.
    pub fn create_account(&self, name: &str) {
        self.creating.set(true);
        self.send(Command::CreateAccount { display_name: text::name::clean(name) });
    }

    /// Brings an account back.
    pub fn restore_account(&self, phrase: String) {
        self.restore_refused.set(false);
        self.creating.set(true);
        self.send(Command::RestoreAccount { phrase });
    }

    /// Whether somebody looks at the newest message of the open conversation right now.
    fn seen_now(&self) -> bool {
        self.visible.get_untracked() && self.timeline.at_bottom.get_untracked()
    }

    /// Tells the engine that the open conversation is read, if it is being looked at.
    pub fn read_if_seen(&self) {
        let Some(with) = self.timeline.with.get_untracked() else { return };
        if !self.seen_now() || self.conversations.unread(&with) == 0 {
            return;
        }
        if let Some(up_to) = self.timeline.newest_received() {
            self.send(Command::MarkRead { with, up_to });
        }
    }

    /// Takes a mark "unread" away, and counts everything of a conversation that is open as read.
    pub fn mark_read(&self, with: AccountId) {
        if self.conversations.marked_unread(&with) {
            self.send(Command::MarkUnread { with, unread: false });
        }
        if self.timeline.with.get_untracked() == Some(with)
            && let Some(up_to) = self.timeline.newest_received()
        {
            self.send(Command::MarkRead { with, up_to });
        }
    }

    /// The page came to the front or left it.
    pub fn set_visible(&self, visible: bool) {
        self.visible.set(visible);
        self.look_at_calendar();
        self.read_if_seen();
    }

    /// Notices that a new day has begun.
    fn look_at_calendar(&self) {
        let today = text::time::local_day(text::time::now_ms());
        if self.today.get_untracked() != today {
            self.today.set(today);
        }
    }

    /// The device's clock, tracked by the day: what names days by it is named anew when another begins.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.today.track();
        text::time::now_ms()
    }

    /// The newest message of the open conversation came into view or left it.
    pub fn set_at_bottom(&self, at_bottom: bool) {
        if self.timeline.at_bottom.get_untracked() != at_bottom {
            self.timeline.at_bottom.set(at_bottom);
            self.read_if_seen();
        }
    }

    /// Shows more of the open conversation's past.
    pub fn show_earlier(&self) {
        if let Some(with) = self.timeline.show_earlier() {
            self.send(Command::LoadEarlier { with });
        }
    }

    /// Shows a short note.
    pub fn toast(&self, text: impl Into<String>) {
        let id = self.toast_count.get_untracked() + 1;
        self.toast_count.set(id);
        let text = text.into();
        self.toasts.update(|toasts| {
            toasts.retain(|toast| toast.text != text);
            toasts.push(Toast { id, text });
            if toasts.len() > 3 {
                toasts.remove(0);
            }
        });
    }

    /// Takes a note away.
    pub fn drop_toast(&self, id: u32) {
        self.toasts.update(|toasts| toasts.retain(|toast| toast.id != id));
    }

    /// A dialog opened over everything else.
    pub fn dialog_opened(&self, dialog: u32) {
        self.dialogs.update(|open| open.push(dialog));
        // What was said in another place is not said again in the new one.
        self.announce.set(String::new());
    }

    /// A dialog went away.
    pub fn dialog_closed(&self, dialog: u32) {
        self.dialogs.update(|open| open.retain(|other| *other != dialog));
        self.announce.set(String::new());
    }

    /// Has screen readers speak a text, even if it is the same as before.
    fn say(&self, text: String) {
        let same = self.announce.with_untracked(|said| *said == text);
        self.announce.set(if same { text + "\u{a0}" } else { text });
    }

    /// The own Account ID.
    pub fn own_id(&self) -> Option<AccountId> {
        self.account.with(|account| account.as_ref().map(|account| account.id))
    }

    /// What a conversation is called, whether it is in the list or not.
    pub fn title(&self, with: &AccountId) -> String {
        if self.own_id() == Some(*with) { t(K::NoteToSelf).to_owned() } else { self.conversations.title(with) }
    }

    /// Whether a conversation is the one with myself.
    pub fn is_self(&self, with: &AccountId) -> bool {
        self.own_id() == Some(*with)
    }
}

/// A progress bar never goes back, even if a restore begins anew after a reload.
fn onwards(known: Option<RestoreView>, now: RestoreView) -> RestoreView {
    match known.filter(|known| known.stage != RestoreStage::Done) {
        Some(known) => RestoreView { percent: now.percent.max(known.percent), ..now },
        None => now,
    }
}
