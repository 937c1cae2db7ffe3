//! Beginning a conversation: by Account ID or link, by QR code, or by letting the other side begin.

use leptos::html;
use leptos::prelude::*;

use super::super::dom;
use super::super::location;
use super::super::scan;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::qr::Qr;
use super::scanner::Scanner;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::platform;
use crate::text;
use crate::vm::AccountId;
use crate::vm::AccountIdError;
use crate::vm::App;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn NewConversation(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let scanning = RwSignal::new(false);
    let error = RwSignal::new(None::<String>);
    view! {
        <Dialog title=Signal::stored(t(K::NewConversation).to_owned()) on_close=close>
            <ById app=app error=error/>
            <div class="tiles">
                <button type="button" class="tile" aria-pressed=move || scanning.get().to_string() on:click=move |_| scanning.update(|scanning| *scanning = !*scanning)>
                    {icons::Camera()}<span>{t(K::ScanQr)}</span>
                </button>
                <FromImage app=app error=error/>
                <button type="button" class="tile" on:click=move |_| copy_invite(app)>{icons::Link()}<span>{t(K::CopyInvite)}</span></button>
            </div>
            <Show when=move || scanning.get()>
                <Scanner on_text=move |text: String| match text::id::parse_recipient(&text) {
                    Ok(id) => {
                        location::open_named(&id, &text);
                        true
                    }
                    Err(_) => false,
                }/>
            </Show>
            <MyCode app=app/>
            <button type="button" class="line-button" on:click=move |_| if let Some(id) = app.own_id() { location::replace(&Route::Chat(id)) }>
                {icons::Note()}<span>{t(K::WriteToSelf)}</span>{icons::ChevronRight()}
            </button>
        </Dialog>
    }
    .into_any()
}

/// The field for an Account ID.
#[component]
fn ById(app: App, error: RwSignal<Option<String>>) -> AnyView {
    let node = NodeRef::<html::Textarea>::new();
    let value = RwSignal::new(String::new());
    let submit = move || match text::id::parse_recipient(&value.get_untracked()) {
        Ok(id) => location::open_named(&id, &value.get_untracked()),
        Err(why) => {
            error.set(Some(explain(why)));
            if let Some(field) = node.get_untracked() {
                let _ = field.focus();
            }
        }
    };
    view! {
        <form
            class="by-id"
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            <label class="field-label" for="recipient">{t(K::AccountId)}</label>
            <textarea
                node_ref=node
                id="recipient"
                class="text-field mono"
                rows="2"
                autofocus=true
                dir="ltr"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                placeholder=t(K::AccountIdPlaceholder)
                aria-describedby="recipient-note"
                aria-invalid=move || error.with(Option::is_some).to_string()
                prop:value=move || value.get()
                on:paste=move |event| dom::limit_paste(&event, 400, || app.toast(t(K::TextCut)))
                on:input=move |event| {
                    error.set(None);
                    value.set(event_target_value(&event));
                }
                on:keydown=move |event| {
                    if event.key() == "Enter" && !event.is_composing() {
                        event.prevent_default();
                        submit();
                    }
                }
            ></textarea>
            <p id="recipient-note" class="field-note" class:field-wrong=move || error.with(Option::is_some) role="status">
                {move || error.get().unwrap_or_else(|| t(K::NewLead).to_owned())}
            </p>
            <button type="submit" class="button button-primary button-wide" disabled=move || value.with(|value| value.trim().is_empty())>
                {t(K::StartConversation)}
            </button>
        </form>
    }
    .into_any()
}

/// A picture with a code in it.
#[component]
fn FromImage(app: App, error: RwSignal<Option<String>>) -> AnyView {
    let input = NodeRef::<html::Input>::new();
    let working = RwSignal::new(false);
    let chosen = move |_| {
        let Some(field) = input.get_untracked() else { return };
        let Some(file) = field.files().and_then(|files| files.get(0)) else { return };
        field.set_value("");
        working.set(true);
        platform::spawn(async move {
            let found = scan::read_file(&file).await;
            let _ = working.try_set(false);
            match found.map(|text| (text::id::parse_recipient(&text), text)) {
                Ok((Ok(id), text)) => location::open_named(&id, &text),
                Ok((Err(_), _)) => drop(error.try_set(Some(t(K::ScanOther).to_owned()))),
                Err(_) => drop(error.try_set(Some(t(K::ScanNothing).to_owned()))),
            }
        });
    };
    let _ = app;
    view! {
        <button type="button" class="tile" disabled=move || working.get() on:click=move |_| {
            if let Some(field) = input.get_untracked() {
                field.click();
            }
        }>
            {move || if working.get() { icons::Spinner() } else { icons::Image() }}
            <span>{move || t(if working.get() { K::ScanWorking } else { K::ChooseImage })}</span>
        </button>
        <input node_ref=input type="file" accept="image/*" class="unseen" tabindex="-1" aria-hidden="true" on:change=chosen/>
    }
    .into_any()
}

/// The own code, folded away until wanted.
#[component]
fn MyCode(app: App) -> AnyView {
    view! {
        <details class="fold">
            <summary class="line-button">{icons::Qr()}<span>{t(K::MyQr)}</span>{icons::ChevronDown()}</summary>
            <div class="my-code">
                {move || app.own_id().map(|id| view! { <Qr text=own_code(app, &id) label=t(K::MyQr).to_owned()/> })}
                <p class="hint">{t(K::MyQrLead)}</p>
            </div>
        </details>
    }
    .into_any()
}

/// What my code says: the id, and the hint by which the conversation begins forward secretly.
pub fn own_code(app: App, id: &AccountId) -> String {
    app.devices.with_untracked(|devices| text::id::with_hint(id, &devices.link_hint))
}

/// Copies the link that opens a conversation with me.
pub fn copy_invite(app: App) {
    if let Some(id) = app.account.with_untracked(|account| account.as_ref().map(|account| account.id)) {
        let link = app.devices.with_untracked(|devices| text::id::invite_link(&dom::origin(), &id, &devices.link_hint));
        dom::copy(&link, move |done| app.toast(t(if done { K::InviteCopied } else { K::CopyFailed })));
    }
}

fn explain(error: AccountIdError) -> String {
    match error {
        AccountIdError::Length(n) => tf(K::IdLength, &[("n", &n.to_string())]),
        AccountIdError::NotHex => t(K::IdNotHex).to_owned(),
        AccountIdError::Prefix => t(K::IdPrefix).to_owned(),
        AccountIdError::UnusableKey => t(K::IdUnusable).to_owned(),
    }
}
