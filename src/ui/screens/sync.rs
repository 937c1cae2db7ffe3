//! Account data in the network: how up to date it is, in the settings, and a bar for what a person should know of it.

use leptos::prelude::*;

use super::super::widgets::icons;
use super::status::Bar;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::SyncProblem;
use crate::vm::SyncState;
use crate::vm::SyncView;
use crate::vm::route::Route;

/// What is wrong, in plain words.
#[must_use]
pub fn explain(problem: SyncProblem, expires_ms: Option<u64>) -> String {
    match (problem, expires_ms) {
        (SyncProblem::TooLarge, _) => t(K::SyncTooLarge).to_owned(),
        (SyncProblem::Unreachable, _) => t(K::SyncUnreachable).to_owned(),
        (SyncProblem::Renewed, _) => t(K::SyncRenewed).to_owned(),
        (SyncProblem::NewerClient, _) => t(K::SyncNewerClient).to_owned(),
        (SyncProblem::NearExpiry, Some(at)) if at > text::time::now_ms() => {
            tf(K::SyncNearExpiry, &[("date", &text::time::date_long(at))])
        }
        (SyncProblem::NearExpiry, _) => t(K::SyncExpired).to_owned(),
    }
}

/// The part of the settings.
#[component]
pub fn SyncPart(app: App) -> AnyView {
    let sync = app.sync;
    let problem = Memo::new(move |_| sync.with(|sync| sync.problem.map(|problem| explain(problem, sync.expires_ms))));
    view! {
        <section class="settings-part" data-testid="sync">
            <h3>{t(K::SyncTitle)}</h3>
            <div class="sync-line" role="status">
                <span class="sync-sign" class:sync-fine=move || sync.with(|sync| sync.state == SyncState::Synchronised && sync.problem.is_none())>
                    {icons::Sync()}
                </span>
                <span class="setting-text">
                    <span class="setting-name">{move || t(sync.with(state_word))}</span>
                    <span class="hint">{move || sync.with(last_words)}</span>
                </span>
            </div>
            {move || problem.get().map(|words| view! { <p class="sync-problem">{icons::Warn()}<span>{words}</span></p> })}
            <p class="hint">{t(K::SyncLead)}</p>
            {move || sync.with(kept_words).map(|words| view! { <p class="hint">{words}</p> })}
        </section>
    }
    .into_any()
}

const fn state_word(sync: &SyncView) -> K {
    match sync.state {
        SyncState::Waiting => K::SyncWaiting,
        SyncState::Changed => K::SyncChanged,
        SyncState::Synchronised => K::SyncDone,
    }
}

fn last_words(sync: &SyncView) -> String {
    match sync.last_ms {
        Some(at) => tf(K::SyncLast, &[("when", &text::time::moment(at, text::time::now_ms()))]),
        None => t(K::SyncNever).to_owned(),
    }
}

fn kept_words(sync: &SyncView) -> Option<String> {
    let at = sync.expires_ms.filter(|at| *at > text::time::now_ms())?;
    Some(tf(K::SyncKept, &[("date", &text::time::date_long(at))]))
}

/// The bar over everything. A connection that is missing has a bar of its own.
#[component]
pub fn SyncBar(app: App) -> AnyView {
    let shown = Memo::new(move |_| {
        let (problem, expires_ms) = app.sync.with(|sync| (sync.problem, sync.expires_ms));
        let problem = problem.filter(|problem| *problem != SyncProblem::Unreachable)?;
        (app.sync_closed.get() != Some(problem)).then(|| (problem, explain(problem, expires_ms)))
    });
    let close = move |problem| {
        app.sync_closed.set(Some(problem));
        if problem == SyncProblem::Renewed {
            app.send(Command::DismissSync);
        }
    };
    view! {
        <div role="status">
            {move || shown.get().map(|(problem, words)| {
                let fine = problem == SyncProblem::Renewed;
                let sign = if fine { icons::Sync() } else { icons::Warn() };
                let close = Some(Callback::new(move |()| close(problem)));
                Bar { name: "sync-bar", loud: !fine, sign, words, way: K::Details, to: Route::Settings, close }.show()
            })}
        </div>
    }
    .into_any()
}
