//! What stands in for the app when it is not running here, and the lines that say how it is doing.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::icons;
use super::devices::DevicesBar;
use super::phrase::PhraseBar;
use super::sync::SyncBar;
use crate::boot::StartFailure;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tn;
use crate::vm::App;
use crate::vm::CommitFailure;
use crate::vm::Connection;
use crate::vm::Problem;
use crate::vm::RestoreStage;
use crate::vm::route::Route;

fn reload() {
    let _ = window().location().reload();
}

/// The engine is on its way. Shown only if that takes a moment.
#[component]
pub fn Starting() -> AnyView {
    view! {
        <main class="front front-quiet">
            <div class="starting" role="status">{icons::Spinner()}<span class="unseen">{t(K::Starting)}</span></div>
        </main>
    }
    .into_any()
}

/// Another tab has the engine.
#[component]
pub fn OtherTab(app: App) -> AnyView {
    let taking = RwSignal::new(false);
    view! {
        <main class="front">
            <div class="front-card notice" role="alert">
                {icons::Logo()}
                <h1>{t(K::OtherTabTitle)}</h1>
                <p class="lead">{t(K::OtherTabLead)}</p>
                <div class="front-actions">
                    <button
                        type="button"
                        class="button button-primary button-wide"
                        disabled=move || taking.get()
                        on:click=move |_| {
                            taking.set(true);
                            app.take_over();
                        }
                    >
                        {move || t(if taking.get() { K::TakingOver } else { K::UseHere })}
                    </button>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// The engine cannot start in this browser.
#[component]
pub fn Failed(failure: StartFailure) -> AnyView {
    let why = match failure {
        StartFailure::Unsupported => K::FailUnsupported,
        StartFailure::StorageUnavailable => K::FailStorage,
        StartFailure::StorageTooNew => K::FailTooNew,
        StartFailure::StorageBlocked => K::FailBlocked,
        StartFailure::StorageKey => K::FailKey,
        StartFailure::StorageDamaged(_) => K::FailDamaged,
        StartFailure::Engine => K::FailEngine,
    };
    notice(K::FailTitle, why)
}

/// Something broke for good.
#[component]
pub fn Crashed() -> AnyView {
    notice(K::CrashTitle, K::CrashLead)
}

/// What leaves nothing to do but to load the page again.
fn notice(title: K, lead: K) -> AnyView {
    view! {
        <main class="front">
            <div class="front-card notice" role="alert">
                {icons::Logo()}
                <h1>{t(title)}</h1>
                <p class="lead">{t(lead)}</p>
                <div class="front-actions">
                    <button type="button" class="button button-primary button-wide" on:click=move |_| reload()>{t(K::Reload)}</button>
                </div>
            </div>
        </main>
    }
    .into_any()
}

/// A newer version waits.
#[component]
pub fn Update(app: App) -> AnyView {
    view! {
        <Show when=move || app.update_ready.get()>
            <div class="update" role="status">
                <span>{t(K::UpdateReady)}</span>
                <button type="button" class="button button-small button-primary" on:click=move |_| app.use_update()>{t(K::UpdateGo)}</button>
                <button type="button" class="button button-small button-plain" on:click=move |_| app.update_ready.set(false)>{t(K::UpdateLater)}</button>
            </div>
        </Show>
    }
    .into_any()
}

/// A line over everything that leads somewhere, and can be closed if it may.
pub struct Bar {
    /// For tests.
    pub name: &'static str,
    /// Whether it warns.
    pub loud: bool,
    pub sign: AnyView,
    pub words: String,
    /// What its way on is called, and where that goes.
    pub way: K,
    pub to: Route,
    pub close: Option<Callback<()>>,
}

impl Bar {
    /// Puts it on the page.
    pub fn show(self) -> AnyView {
        let Self { name, loud, sign, words, way, to, close } = self;
        let class = if loud { "bar bar-sync bar-offline" } else { "bar bar-sync bar-connecting" };
        view! {
            <div class=class data-testid=name>
                {sign}
                <span>
                    {words}" "
                    <button type="button" class="link-button" on:click=move |_| location::go(&to)>{t(way)}</button>
                </span>
                {close.map(|close| view! {
                    <button type="button" class="icon-button icon-small" aria-label=t(K::Close) on:click=move |_| close.run(())>{icons::Close()}</button>
                })}
            </div>
        }
        .into_any()
    }
}

/// The lines over everything: a problem, no connection, a running restore.
#[component]
pub fn Bars(app: App) -> AnyView {
    let problem = move || {
        app.problem.get().map(|problem| match problem {
            Problem::Storage(CommitFailure::QuotaExceeded) => K::ProblemQuota,
            Problem::Storage(_) => K::ProblemStorage,
            Problem::BadNodeList => K::ProblemNodes,
            Problem::UnsignedNodeList => K::ProblemUnsigned,
        })
    };
    let restoring = move || {
        app.restore
            .get()
            .filter(|restore| restore.stage != RestoreStage::Done)
            .map(|restore| (restore.messages, restore.percent))
    };
    let connection = Memo::new(move |_| app.network.with(|network| network.state));
    view! {
        <div class="bars">
            <div role="alert">{move || problem().map(|key| view! { <p class="bar bar-problem">{icons::Warn()}<span>{t(key)}</span></p> })}</div>
            <div role="status" class="bar-status">
                {move || match connection.get() {
                    Connection::Offline => view! { <p class="bar bar-offline">{icons::Cloud()}<span>{t(K::OfflineBar)}</span></p> }.into_any(),
                    Connection::Connecting => view! { <p class="bar bar-connecting">{icons::Spinner()}<span>{t(K::Connecting)}</span></p> }.into_any(),
                    Connection::Online => ().into_any(),
                }}
            </div>
            <SyncBar app=app/>
            <DevicesBar app=app/>
            <PhraseBar app=app/>
            {move || restoring().map(|(messages, percent)| view! {
                <div class="bar bar-restore">
                    <span>{tn(K::RestoringBannerOne, K::RestoringBanner, messages)}</span>
                    <progress max="100" prop:value=f64::from(percent) aria-label=t(K::RestoringTitle)></progress>
                </div>
            })}
        </div>
    }
    .into_any()
}
