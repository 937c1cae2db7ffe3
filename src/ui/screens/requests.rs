//! People who wrote and wait for an answer.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::back::Back;
use super::super::widgets::icons;
use super::list::ConversationRow;
use crate::i18n::K;
use crate::i18n::t;
use crate::vm::App;
use crate::vm::route::Route;

/// The first pane, showing requests.
#[component]
pub fn RequestsPane(app: App) -> AnyView {
    let requests = app.conversations.requests;
    view! {
        <header class="list-head">
            <Back on=move |()| location::go(&Route::Home)/>
            <h1 class="list-title">{t(K::MessageRequests)}</h1>
        </header>
        <div class="list-scroll">
            <ul class="rows" role="list" aria-label=t(K::MessageRequests)>
                <For each=move || requests.get() key=|with| *with let:with>
                    <ConversationRow app=app with=with/>
                </For>
            </ul>
            <Show when=move || requests.with(Vec::is_empty)>
                <div class="list-empty">
                    {icons::Inbox()}
                    <h2>{t(K::RequestsNone)}</h2>
                    <p class="hint">{t(K::RequestsNoneLead)}</p>
                </div>
            </Show>
        </div>
    }
    .into_any()
}
