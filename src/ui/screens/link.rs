//! Linking a device by a code: the new one shows it, one that is already in the account scans it.

use leptos::html;
use leptos::prelude::*;

use super::super::dom;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::qr::Qr;
use super::devices::HistoryChoice;
use super::scanner::Scanner;
use crate::i18n::K;
use crate::i18n::t;
use crate::vm::App;
use crate::vm::Command;

/// How a code begins.
const PREFIX: &str = "zrl1:";

/// The longest text that is looked at.
const MAX_TEXT: usize = 200;

/// On the new device: the code, as long as it is mounted.
#[component]
pub fn LinkCode(app: App) -> AnyView {
    app.link_code.set(None);
    app.send(Command::ShowLinkCode);
    on_cleanup(move || {
        app.link_code.set(None);
        app.send(Command::HideLinkCode);
    });
    let copy = move |text: &str| {
        dom::copy(text, move |done| app.toast(t(if done { K::LinkCopied } else { K::CopyFailed })));
    };
    view! {
        <section class="link-code" aria-label=t(K::LinkTitle)>
            <p class="lead">{t(K::LinkLead)}</p>
            {move || match app.link_code.get() {
                None => view! { <div role="status" class="starting">{icons::Spinner()}</div> }.into_any(),
                Some(text) => {
                    let copied = text.clone();
                    view! {
                        <div><Qr text=text label=t(K::LinkQr).to_owned()/></div>
                        <button type="button" class="button button-small" on:click=move |_| copy(&copied)>{icons::Copy()}{t(K::LinkCopy)}</button>
                    }
                    .into_any()
                }
            }}
            <p class="hint" role="status">{icons::Spinner()}{t(K::LinkWaiting)}</p>
        </section>
    }
    .into_any()
}

/// On a device of the account: scans a new device's code and gives the account to it.
#[component]
pub fn AddDevice(app: App, #[prop(into)] on_close: Callback<()>) -> AnyView {
    let found = RwSignal::new(None::<String>);
    let typed = RwSignal::new(String::new());
    let wrong = RwSignal::new(false);
    let take = move |text: &str| {
        let text = text.trim();
        let is_code = text.starts_with(PREFIX) && text.len() <= MAX_TEXT;
        wrong.set(!is_code);
        if is_code {
            found.set(Some(text.to_owned()));
        }
        is_code
    };
    view! {
        <Dialog title=Signal::stored(t(K::AddDevice).to_owned()) on_close=on_close>
            {move || match found.get() {
                Some(code) => view! { <Give app=app code=code on_close=on_close/> }.into_any(),
                None => view! {
                    <p class="ask-lead">{t(K::AddDeviceLead)}</p>
                    <Scanner on_text=move |text: String| take(&text)/>
                    <form
                        class="field"
                        on:submit=move |event| {
                            event.prevent_default();
                            take(&typed.get_untracked());
                        }
                    >
                        <label class="field-label" for="link-code">{t(K::LinkPaste)}</label>
                        <div class="field-row">
                            <input
                                id="link-code"
                                class="text-field mono"
                                type="text"
                                dir="ltr"
                                autocomplete="off"
                                autocapitalize="none"
                                spellcheck="false"
                                maxlength=MAX_TEXT.to_string()
                                aria-invalid=move || wrong.get().to_string()
                                aria-describedby="link-note"
                                prop:value=move || typed.get()
                                on:input=move |event| {
                                    wrong.set(false);
                                    typed.set(event_target_value(&event));
                                }
                            />
                            <button type="submit" class="button" disabled=move || typed.with(|text| text.trim().is_empty())>{t(K::Continue)}</button>
                        </div>
                        <p id="link-note" class="field-note" class:field-wrong=move || wrong.get() role="status">{move || wrong.get().then(|| t(K::LinkNoCode))}</p>
                    </form>
                }
                .into_any(),
            }}
        </Dialog>
    }
    .into_any()
}

/// The last question: the account goes to whoever shows this code.
#[component]
fn Give(app: App, code: String, on_close: Callback<()>) -> AnyView {
    let history = RwSignal::new(true);
    // What had the focus is gone.
    let cancel = NodeRef::<html::Button>::new();
    cancel.on_load(|button| dom::after_paint(move || drop(button.focus())));
    view! {
        <p class="ask-lead">{t(K::GiveLead)}</p>
        <HistoryChoice history=history/>
        <div class="ask-actions">
            <button type="button" class="button button-primary" on:click=move |_| {
                let days = if history.get_untracked() { super::devices::HISTORY_DAYS } else { 0 };
                app.send(Command::AnswerLinkCode { text: code.clone(), days });
                app.toast(t(K::GiveDone));
                on_close.run(());
            }>{t(K::GiveGo)}</button>
            <button type="button" class="button" node_ref=cancel on:click=move |_| on_close.run(())>{t(K::Cancel)}</button>
        </div>
    }
    .into_any()
}
