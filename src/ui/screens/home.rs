//! The shell of a running account: the list, the open conversation, its details, and the dialogs over them.

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::super::location;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::account::AccountSheet;
use super::blocked::BlockedSheet;
use super::contact::ContactPane;
use super::conversation::Conversation;
use super::devices::DevicesSheet;
use super::list::ListPane;
use super::new_conversation::NewConversation;
use super::path::PathSheet;
use super::phrase::PhraseSheet;
use super::requests::RequestsPane;
use super::settings::SettingsSheet;
use super::status::Bars;
use super::ways::WaysSheet;
use crate::i18n::K;
use crate::i18n::t;
use crate::vm::App;
use crate::vm::prefs::Prefs;
use crate::vm::route::Route;

/// One, two or three panes.
#[component]
pub fn Home(app: App) -> AnyView {
    let wide = dom::media("(min-width: 1100px)");
    let open = Memo::new(move |_| match app.base.get() {
        Route::Chat(with) => Some(with),
        _ => None,
    });
    let in_requests = Memo::new(move |_| app.base.get() == Route::Requests);
    view! {
        <div class="shell" class:shell-chat=move || open.get().is_some() class:shell-details=move || app.details.get() && wide.get()>
            <Bars app=app/>
            <div class="pane pane-list">
                {move || if in_requests.get() {
                    view! { <RequestsPane app=app/> }.into_any()
                } else {
                    view! { <ListPane app=app/> }.into_any()
                }}
            </div>
            <Divider prefs=app.prefs/>
            <main class="pane pane-main">
                {move || match open.get() {
                    Some(with) => view! { <Conversation app=app with=with/> }.into_any(),
                    None => view! { <NothingOpen/> }.into_any(),
                }}
            </main>
            {move || (app.details.get()).then_some(()).and_then(|()| open.get()).map(|with| view! { <ContactPane app=app with=with wide=wide/> })}
        </div>
        <Dialogs app=app/>
    }
    .into_any()
}

/// The dialog the address names.
#[component]
fn Dialogs(app: App) -> AnyView {
    (move || match app.route.get() {
        Route::New => view! { <NewConversation app=app/> }.into_any(),
        Route::Account => view! { <AccountSheet app=app/> }.into_any(),
        Route::Settings => view! { <SettingsSheet app=app/> }.into_any(),
        Route::Path => view! { <PathSheet app=app/> }.into_any(),
        Route::Phrase => view! { <PhraseSheet app=app/> }.into_any(),
        Route::Blocked => view! { <BlockedSheet app=app/> }.into_any(),
        Route::Ways => view! { <WaysSheet app=app/> }.into_any(),
        Route::Devices if crate::FORWARD_SECRECY => view! { <DevicesSheet app=app/> }.into_any(),
        Route::BadLink => view! { <BadLinkDialog/> }.into_any(),
        Route::Home | Route::Requests | Route::Chat(_) | Route::Devices => ().into_any(),
    })
    .into_any()
}

#[component]
fn BadLinkDialog() -> AnyView {
    let leave = move |()| location::replace(&Route::Home);
    view! {
        <Dialog title=Signal::stored(t(K::BadLinkTitle).to_owned()) on_close=leave class="ask">
            <p class="ask-lead">{t(K::BadLinkLead)}</p>
            <div class="ask-actions">
                <button type="button" class="button button-primary" on:click=move |_| location::replace(&Route::New)>{t(K::NewConversation)}</button>
                <button type="button" class="button" on:click=move |_| leave(())>{t(K::Close)}</button>
            </div>
        </Dialog>
    }
    .into_any()
}

/// What the second pane shows while no conversation is open.
#[component]
fn NothingOpen() -> AnyView {
    view! {
        <div class="nothing-open">
            {icons::Logo()}
            <h2>{t(K::PickTitle)}</h2>
            <p>{t(K::PickLead)}</p>
        </div>
    }
    .into_any()
}

/// The border between list and conversation: drag it, or move it with the arrow keys.
#[component]
fn Divider(prefs: Prefs) -> AnyView {
    let dragging = RwSignal::new(false);
    let set = move |width: f64| prefs.list_width.set(clamp_width(width));
    view! {
        <div
            class="divider"
            class:divider-active=move || dragging.get()
            role="separator"
            aria-orientation="vertical"
            aria-label=t(K::ResizeList)
            aria-valuemin="320"
            aria-valuemax="400"
            aria-valuenow=move || prefs.list_width.get().to_string()
            tabindex="0"
            on:pointerdown=move |event: ev::PointerEvent| {
                event.prevent_default();
                dragging.set(true);
                if let Some(target) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) {
                    let _ = target.set_pointer_capture(event.pointer_id());
                }
            }
            on:pointermove=move |event: ev::PointerEvent| {
                if dragging.get_untracked() {
                    set(event.client_x());
                }
            }
            on:pointerup=move |_| dragging.set(false)
            on:pointercancel=move |_| dragging.set(false)
            on:keydown=move |event| {
                let now = f64::from(prefs.list_width.get_untracked());
                match event.key().as_str() {
                    "ArrowLeft" => set(now - 16.0),
                    "ArrowRight" => set(now + 16.0),
                    "Home" => set(320.0),
                    "End" => set(400.0),
                    _ => return,
                }
                event.prevent_default();
            }
        ></div>
    }
    .into_any()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before the conversion")]
fn clamp_width(width: f64) -> u16 {
    width.clamp(320.0, 400.0) as u16
}
