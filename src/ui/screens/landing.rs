//! Arriving by somebody's link on a page without an account.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::icons;
use super::super::widgets::id::FullId;
use super::name::CreateButton;
use super::name::NameField;
use super::welcome::LanguageChoice;
use crate::i18n::K;
use crate::i18n::t;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Onboarding;
use crate::vm::route::Route;

/// Whom the link is from, and the shortest way to write to them.
#[component]
pub fn Landing(app: App, id: AccountId) -> AnyView {
    let name = RwSignal::new(String::new());
    let create = move |name: String| {
        if !app.creating.get_untracked() {
            app.create_account(&name);
        }
    };
    view! {
        <main class="front">
            <form
                class="front-card landing"
                on:submit=move |event| {
                    event.prevent_default();
                    create(name.get_untracked());
                }
            >
                <div class="landing-who">
                    <Avatar app=app id=id large=true/>
                    <h1>
                        <span class="landing-title">{t(K::LandingTitle)}</span>
                        " "
                        <bdi class="landing-id">{text::id::short(&id)}</bdi>
                    </h1>
                </div>
                <details class="landing-full">
                    <summary>{t(K::LandingWholeId)}</summary>
                    <FullId id=id/>
                </details>
                <p class="lead">{t(K::LandingLead)}</p>
                <NameField app=app value=name/>
                <div class="front-actions">
                    <CreateButton app=app label=t(K::Continue)/>
                    <div class="front-side">
                        <button type="button" class="button button-plain" on:click=move |_| create(String::new())>{t(K::Skip)}</button>
                        <button type="button" class="button button-plain" on:click=move |_| app.onboarding.set(Onboarding::Restore)>
                            {t(K::LandingHave)}
                        </button>
                    </div>
                </div>
            </form>
            <LanguageChoice app=app/>
        </main>
    }
    .into_any()
}

/// A link without a usable Account ID.
#[component]
pub fn BadLink() -> AnyView {
    view! {
        <main class="front">
            <div class="front-card">
                {icons::Logo()}
                <h1>{t(K::BadLinkTitle)}</h1>
                <p class="lead">{t(K::BadLinkLead)}</p>
                <div class="front-actions">
                    <button type="button" class="button button-primary button-wide" on:click=move |_| location::go(&Route::Home)>
                        {t(K::BadLinkGo)}
                    </button>
                </div>
            </div>
        </main>
    }
    .into_any()
}
