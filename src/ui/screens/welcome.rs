//! The first screen: what this is, and the two ways in.

use leptos::prelude::*;

use super::super::prefs;
use super::super::widgets::icons;
use crate::i18n;
use crate::i18n::K;
use crate::i18n::Lang;
use crate::i18n::t;
use crate::vm::App;
use crate::vm::Onboarding;

/// Create or restore.
#[component]
pub fn Welcome(app: App) -> AnyView {
    view! {
        <main class="front">
            <div class="front-card welcome">
                <div class="welcome-mark">{icons::Logo()}<span class="wordmark">"Zwiebel"</span></div>
                <h1>{t(K::WelcomeTitle)}</h1>
                <p class="lead">{t(K::WelcomeLead)}</p>
                <div class="front-actions">
                    <button type="button" class="button button-primary button-wide" on:click=move |_| app.onboarding.set(Onboarding::Name)>
                        {t(K::CreateAccount)}
                    </button>
                    <button type="button" class="button button-wide" on:click=move |_| app.onboarding.set(Onboarding::Restore)>
                        {t(K::RestoreAccount)}
                    </button>
                </div>
                <p class="hint">{t(K::WelcomeFoot)}</p>
            </div>
            <LanguageChoice app=app/>
        </main>
    }
    .into_any()
}

/// The languages, each in itself.
#[component]
pub fn LanguageChoice(app: App) -> AnyView {
    let buttons = Lang::ALL
        .into_iter()
        .map(|lang| {
            let chosen = i18n::current() == lang;
            view! {
                <button
                    type="button"
                    class="choice"
                    lang=lang.tag()
                    aria-pressed=if chosen { "true" } else { "false" }
                    on:click=move |_| prefs::choose_language(app.prefs, lang)
                >
                    {lang.name()}
                </button>
            }
        })
        .collect_view();
    view! { <div class="choices" role="group" aria-label=t(K::Language)>{buttons}</div> }.into_any()
}
