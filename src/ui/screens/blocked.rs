//! Everybody who is blocked, with the way to take that back.

use leptos::prelude::*;

use super::super::dom;
use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn BlockedSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Settings));
    let blocked = app.conversations.blocked;
    view! {
        <Dialog title=Signal::stored(t(K::BlockedPeople).to_owned()) on_close=close on_back=back>
            <p class="lead">{t(K::BlockedLead)}</p>
            <ul class="people" role="list" aria-label=t(K::BlockedPeople)>
                <For each=move || blocked.get() key=|id| *id let:id><Person app=app id=id/></For>
            </ul>
            <Show when=move || blocked.with(Vec::is_empty)>
                <div class="list-empty" role="status">{icons::Block()}<p class="hint">{t(K::BlockedNone)}</p></div>
            </Show>
        </Dialog>
    }
    .into_any()
}

#[component]
fn Person(app: App, id: AccountId) -> AnyView {
    let name = move || app.title(&id);
    let unblock = move |_| {
        let name = untrack(name);
        app.send(Command::SetBlocked { who: id, blocked: false });
        app.toast(tf(K::Unblocked, &[("name", &name)]));
        // The button goes away with its row.
        dom::focus_first(".dialog-title");
    };
    view! {
        <li class="person-line" data-testid="blocked" data-id=id.to_string()>
            <Avatar app=app id=id/>
            <span class="line-text"><bdi class="row-name">{name}</bdi><code class="hint">{text::id::short(&id)}</code></span>
            <button type="button" class="button button-small" aria-label=move || tf(K::UnblockName, &[("name", &name())]) on:click=unblock>{t(K::Unblock)}</button>
        </li>
    }
    .into_any()
}
