//! The user interface: screens over the view models of [`crate::vm`]. Knows the document; knows no engine, store or network.
//!
//! Words are plain text read when a screen is built: the whole tree is built anew when the language changes.

pub mod dom;
pub mod location;
pub mod prefs;
pub mod scan;
pub mod screens;
pub mod widgets;

use leptos::ev;
use leptos::prelude::*;

use crate::boot::Link;
use crate::boot::PageStatus;
use crate::boot::StartFailure;
use crate::i18n::K;
use crate::i18n::t;
use crate::platform::notify;
use crate::platform::visibility;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Onboarding;
use crate::vm::RestoreStage;
use crate::vm::ViewEvent;
use crate::vm::route::Route;
use screens::home::Home;
use screens::landing::BadLink;
use screens::landing::Landing;
use screens::name::Name;
use screens::restore::Restore;
use screens::restore::Restoring;
use screens::status;
use screens::welcome::Welcome;
use widgets::toasts::Heard;

/// What the page tells the user interface through.
#[derive(Clone)]
pub struct AppHandle {
    app: App,
}

impl AppHandle {
    /// Shows a change.
    pub fn apply(&self, event: ViewEvent) {
        self.app.apply(event);
    }

    /// Shows how the page as a whole is doing.
    pub fn status(&self, status: PageStatus) {
        self.app.set_status(status);
    }

    /// Whether the person switched system notifications on.
    #[must_use]
    pub fn wants_notifications(&self) -> bool {
        self.app.prefs.notify.get_untracked()
    }

    /// Says in a system notification that a message came, or (`with` ourselves) that something happened to our devices, if the page
    /// is not in front. It says no more than that.
    pub fn tell(&self, with: AccountId) {
        let (text, to) = if untrack(|| self.app.is_self(&with)) {
            (t(K::OwnNoticeBar), Route::Devices)
        } else {
            (t(K::NotifyMessage), Route::Chat(with))
        };
        notify::show(text, move || location::go(&to));
    }
}

/// Puts the user interface on the page, for the page's life.
#[must_use]
pub fn mount(link: Link) -> AppHandle {
    let owner = Owner::new();
    let app = owner.with(|| App::new(link));
    // Disposing it would take the signals away from under the screens.
    std::mem::forget(owner);
    mount_to_body(move || {
        prefs::start(app.prefs);
        location::follow(app);
        follow_page(app);
        // The tree is built anew in another language.
        move || {
            app.prefs.lang.track();
            view! { <Root app=app/> }.into_any()
        }
    });
    AppHandle { app }
}

/// Title and visibility.
fn follow_page(app: App) {
    Effect::new(move |_| {
        let unread = if app.account.with(Option::is_some) { app.conversations.unread_total.get() } else { 0 };
        document().set_title(&if unread > 0 { format!("({unread}) Zwiebel") } else { "Zwiebel".to_owned() });
    });
    app.set_visible(!document().hidden());
    let looked = move || {
        let in_front = visibility::is_in_front();
        app.set_visible(in_front);
        if in_front {
            notify::clear();
        }
    };
    for handle in [
        window_event_listener(ev::visibilitychange, move |_| looked()),
        window_event_listener(ev::focus, move |_| looked()),
        window_event_listener(ev::blur, move |_| looked()),
    ] {
        std::mem::forget(handle);
    }
}

/// What the page as a whole shows.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    Starting,
    OtherTab,
    Failed(StartFailure),
    Crashed,
    Landing(AccountId),
    BadLink,
    Welcome,
    Name,
    Restore,
    Restoring,
    Home,
}

fn stage(app: App) -> Stage {
    match app.status.get() {
        PageStatus::OtherTab => return Stage::OtherTab,
        PageStatus::Failed(failure) => return Stage::Failed(failure),
        PageStatus::Crashed => return Stage::Crashed,
        PageStatus::Starting | PageStatus::Running | PageStatus::UpdateReady => {}
    }
    if !app.ready.get() {
        return Stage::Starting;
    }
    if app.account.with(Option::is_some) {
        let restoring = app.restore.with(|restore| restore.is_some_and(|restore| restore.stage != RestoreStage::Done));
        return if restoring && !app.restore_aside.get() { Stage::Restoring } else { Stage::Home };
    }
    match (app.onboarding.get(), app.base.get()) {
        (Onboarding::Name, _) => Stage::Name,
        (Onboarding::Restore, _) => Stage::Restore,
        (Onboarding::Start, Route::Chat(id)) => Stage::Landing(id),
        (Onboarding::Start, Route::BadLink) => Stage::BadLink,
        (Onboarding::Start, _) => Stage::Welcome,
    }
}

#[component]
fn Root(app: App) -> AnyView {
    // For dialogs, wherever they are.
    provide_context(app);
    let stage = Memo::new(move |_| stage(app));
    view! {
        {move || match stage.get() {
            Stage::Starting => view! { <status::Starting/> }.into_any(),
            Stage::OtherTab => view! { <status::OtherTab app=app/> }.into_any(),
            Stage::Failed(failure) => view! { <status::Failed failure=failure/> }.into_any(),
            Stage::Crashed => view! { <status::Crashed/> }.into_any(),
            Stage::Landing(id) => view! { <Landing app=app id=id/> }.into_any(),
            Stage::BadLink => view! { <BadLink/> }.into_any(),
            Stage::Welcome => view! { <Welcome app=app/> }.into_any(),
            Stage::Name => view! { <Name app=app/> }.into_any(),
            Stage::Restore => view! { <Restore app=app/> }.into_any(),
            Stage::Restoring => view! { <Restoring app=app/> }.into_any(),
            Stage::Home => view! { <Home app=app/> }.into_any(),
        }}
        <status::Update app=app/>
        <Heard app=app dialog=None/>
    }
    .into_any()
}
