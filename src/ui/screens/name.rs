//! Asking for a display name, and the field for it wherever a name is asked.

use leptos::html;
use leptos::prelude::*;

use super::super::dom;
use super::super::widgets::back::Back;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::text::count;
use crate::vm::App;
use crate::vm::Onboarding;

/// How long a name may be, in bytes of UTF-8 (session-messages: `LokiProfile.displayName`).
pub const NAME_BYTES: usize = 100;

/// The step between welcome and home.
#[component]
pub fn Name(app: App) -> AnyView {
    let name = RwSignal::new(String::new());
    let submit = move || {
        if !app.creating.get_untracked() {
            app.create_account(&name.get_untracked());
        }
    };
    view! {
        <main class="front">
            <form
                class="front-card"
                on:submit=move |event| {
                    event.prevent_default();
                    submit();
                }
            >
                <Back on=move |()| app.onboarding.set(Onboarding::Start) class="front-back"/>
                <h1>{t(K::NameTitle)}</h1>
                <p class="lead">{t(K::NameLead)}</p>
                <NameField app=app value=name/>
                <div class="front-actions">
                    <CreateButton app=app label=t(K::Continue)/>
                </div>
            </form>
        </main>
    }
    .into_any()
}

/// The primary button that makes the account, with its progress.
#[component]
pub fn CreateButton(app: App, label: &'static str) -> AnyView {
    view! {
        <button type="submit" class="button button-primary button-wide" aria-disabled=move || app.creating.get().to_string()>
            {move || if app.creating.get() {
                view! { {icons::Spinner()} <span>{t(K::CreatingAccount)}</span> }.into_any()
            } else {
                label.into_any()
            }}
        </button>
    }
    .into_any()
}

/// A text field for a name of at most [`NAME_BYTES`].
#[component]
pub fn NameField(app: App, value: RwSignal<String>, #[prop(optional)] label: Option<&'static str>) -> AnyView {
    let node = NodeRef::<html::Input>::new();
    let was_cut = RwSignal::new(false);
    node.on_load(|input| dom::after_paint(move || drop(input.focus())));
    let id = format!("name-{}", super::super::widgets::dialog::next_id());
    view! {
        <div class="field">
            <label class="field-label" for=id.clone()>{label.unwrap_or(t(K::DisplayName))}</label>
            <input
                node_ref=node
                id=id
                class="text-field"
                type="text"
                dir="auto"
                autocomplete="off"
                autocapitalize="words"
                spellcheck="false"
                placeholder=t(K::NamePlaceholder)
                prop:value=move || value.get()
                on:paste=move |event| dom::limit_paste(&event, NAME_BYTES, || app.toast(t(K::TextCut)))
                on:input=move |event| {
                    let typed = event_target_value(&event);
                    let (kept, cut) = count::cut_bytes(&typed, NAME_BYTES);
                    was_cut.set(cut);
                    if cut && let Some(input) = node.get_untracked() {
                        input.set_value(kept);
                    }
                    value.set(kept.to_owned());
                }
            />
            <p class="field-note" role="status">{move || was_cut.get().then(|| t(K::NameTooLong))}</p>
        </div>
    }
    .into_any()
}
