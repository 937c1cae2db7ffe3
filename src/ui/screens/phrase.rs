//! The recovery phrase: shown only when asked for, and forgotten by the page when the dialog goes; and the reminder to ask.

use leptos::prelude::*;

use super::super::dom;
use super::super::location;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::status::Bar;
use crate::i18n::K;
use crate::i18n::t;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn PhraseSheet(app: App) -> AnyView {
    on_cleanup(move || app.phrase.set(None));
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Account));
    let copy = move |words: String| {
        dom::copy(&words, move |done| app.toast(t(if done { K::PhraseCopyNote } else { K::CopyFailed })));
    };
    view! {
        <Dialog title=Signal::stored(t(K::RecoveryPhrase).to_owned()) on_close=close on_back=back>
            <p class="lead">{t(K::PhraseLead)}</p>
            {move || match app.phrase.get() {
                None => view! {
                    <div class="phrase-hidden">
                        <button type="button" class="button button-primary" on:click=move |_| app.send(Command::RevealPhrase)>{icons::Eye()}{t(K::PhraseShow)}</button>
                    </div>
                }.into_any(),
                Some(phrase) => {
                    let words = phrase.0.split_whitespace().map(|word| view! { <li>{word.to_owned()}</li> }).collect_view();
                    let all = StoredValue::new(phrase.0);
                    view! {
                        <ol class="phrase" translate="no" lang="en" data-testid="phrase">{words}</ol>
                        <div class="ask-actions">
                            <button type="button" class="button" on:click=move |_| copy(all.get_value())>{icons::Copy()}{t(K::PhraseCopy)}</button>
                            <button type="button" class="button" on:click=move |_| app.phrase.set(None)>{icons::EyeOff()}{t(K::PhraseHide)}</button>
                        </div>
                    }.into_any()
                }
            }}
        </Dialog>
    }
    .into_any()
}

/// Reminds whoever has something to lose to write the words down, until they were shown.
#[component]
pub fn PhraseBar(app: App) -> AnyView {
    let shown =
        Memo::new(move |_| !app.prefs.phrase_seen.get() && !app.phrase_closed.get() && !app.conversations.is_empty());
    view! {
        <div role="status" class="bar-later">
            {move || shown.get().then(|| {
                let close = Some(Callback::new(move |()| app.phrase_closed.set(true)));
                let words = t(K::PhraseBar).to_owned();
                Bar { name: "phrase-bar", loud: false, sign: icons::Key(), words, way: K::PhraseShow, to: Route::Phrase, close }.show()
            })}
        </div>
    }
    .into_any()
}
