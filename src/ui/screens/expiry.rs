//! Disappearing messages of a conversation: what is set, in words, and the dialog to change it.

use leptos::prelude::*;

use super::super::widgets::dialog::Dialog;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Expiry;
use crate::vm::expiry;
use crate::vm::expiry::Mode;

/// What is set.
#[must_use]
pub fn words(expiry: Expiry) -> String {
    let time = |seconds| text::time::span(seconds);
    match expiry {
        Expiry::Off => t(K::ExpiryOff).to_owned(),
        Expiry::AfterSend(seconds) => tf(K::ExpiryAfterSend, &[("t", &time(seconds))]),
        Expiry::AfterRead(seconds) => tf(K::ExpiryAfterRead, &[("t", &time(seconds))]),
    }
}

/// The dialog.
#[component]
pub fn ExpiryDialog(app: App, with: AccountId, #[prop(into)] on_close: Callback<()>) -> AnyView {
    let is_self = untrack(|| app.is_self(&with));
    let in_force = untrack(|| app.conversations.view(&with)).map(|view| view.expiry).unwrap_or_default();
    let (mode_now, time_now) = expiry::parts(in_force);
    let mode = RwSignal::new(mode_now);
    let time = RwSignal::new(time_now);
    let choose = move |chosen: Mode| {
        mode.set(chosen);
        time.set(if chosen == mode_now { time_now } else { chosen.usual() });
    };
    let lead = if is_self {
        t(K::ExpiryLeadSelf).to_owned()
    } else {
        tf(K::ExpiryLead, &[("name", &untrack(|| app.title(&with)))])
    };
    let modes = Mode::all(is_self).iter().map(|one| mode_choice(*one, mode, choose)).collect_view();
    view! {
        <Dialog title=Signal::stored(t(K::Disappearing).to_owned()) on_close=on_close class="ask">
            <form
                class="expiry"
                on:submit=move |event| {
                    event.prevent_default();
                    let expiry = mode.get_untracked().lasting(time.get_untracked());
                    if expiry != in_force {
                        app.send(Command::SetExpiry { with, expiry });
                    }
                    on_close.run(());
                }
            >
                <p class="ask-lead"><bdi>{lead}</bdi></p>
                <fieldset class="radios">
                    <legend class="unseen">{t(K::Disappearing)}</legend>
                    {modes}
                </fieldset>
                <Times in_force=in_force mode=mode time=time/>
                <div class="ask-actions">
                    <button type="submit" class="button button-primary">{t(K::Save)}</button>
                    <button type="button" class="button" on:click=move |_| on_close.run(())>{t(K::Cancel)}</button>
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}

fn mode_choice(one: Mode, mode: RwSignal<Mode>, choose: impl Fn(Mode) + Copy + Send + Sync + 'static) -> AnyView {
    let (word, hint) = match one {
        Mode::Off => (K::ExpiryOff, K::ExpiryOffHint),
        Mode::AfterSend => (K::ExpirySend, K::ExpirySendHint),
        Mode::AfterRead => (K::ExpiryRead, K::ExpiryReadHint),
    };
    view! {
        <label class="radio-line">
            <input type="radio" name="expiry" autofocus=mode.get_untracked() == one prop:checked=move || mode.get() == one on:change=move |_| choose(one)/>
            <span class="setting-text"><span class="setting-name">{t(word)}</span><span class="hint">{t(hint)}</span></span>
        </label>
    }
    .into_any()
}

/// How long.
#[component]
fn Times(in_force: Expiry, mode: RwSignal<Mode>, time: RwSignal<u32>) -> AnyView {
    (move || {
        let mode = mode.get();
        (mode != Mode::Off).then(|| {
            let options = expiry::times(mode, in_force)
                .into_iter()
                .map(|seconds| {
                    view! { <option value=seconds.to_string() selected=move || time.get() == seconds>{text::time::span(seconds)}</option> }
                })
                .collect_view();
            view! {
                <div class="field">
                    <label class="field-label" for="expiry-time">{t(K::ExpiryTime)}</label>
                    <select
                        id="expiry-time"
                        class="text-field"
                        on:change=move |event| {
                            if let Ok(seconds) = event_target_value(&event).parse() {
                                time.set(seconds);
                            }
                        }
                    >{options}</select>
                </div>
            }
        })
    })
    .into_any()
}
