//! The list of conversations, with search, requests and the way to the own account.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::avatar::OwnAvatar;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::i18n::tn;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::ConversationView;
use crate::vm::Preview;
use crate::vm::SendState;
use crate::vm::conversations;
use crate::vm::route::Route;

/// So many rows are drawn above and below what is in view.
const AROUND: usize = 6;
/// What is drawn moves by so many rows at once.
const STEP: usize = 4;
/// Between two rows (style/screens.css), in CSS pixels.
const ROW_GAP: u8 = 2;

/// The first pane.
#[component]
pub fn ListPane(app: App) -> AnyView {
    let query = app.conversations.query;
    let scroller = NodeRef::<html::Div>::new();
    let length = Memo::new(move |_| app.conversations.order.with(Vec::len));
    let above = move || app.conversations.window.get().0.min(length.get());
    let below = move || length.get().saturating_sub(above() + app.conversations.drawn.with(Vec::len));
    // Looks once the rows are there, and again whenever there are more or fewer.
    Effect::new(move |_| {
        length.track();
        dom::after_paint(move || look(app, scroller));
    });
    let resized = window_event_listener(ev::resize, move |_| look(app, scroller));
    on_cleanup(move || resized.remove());
    let count = Memo::new(move |_| u32::try_from(app.conversations.requests.with(Vec::len)).unwrap_or(u32::MAX));
    view! {
        <header class="list-head">
            <button type="button" class="avatar-button" aria-label=t(K::AccountMenu) on:click=move |_| location::go(&Route::Account)>
                <OwnAvatar app=app/>
            </button>
            <div class="search">
                {icons::Search()}
                <input
                    class="search-field"
                    type="search"
                    aria-label=t(K::SearchLabel)
                    placeholder=t(K::Search)
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || query.get()
                    on:paste=move |event| dom::limit_paste(&event, 200, || app.toast(t(K::TextCut)))
                    on:input=move |event| query.set(event_target_value(&event))
                    on:keydown=move |event| {
                        if event.key() == "Escape" {
                            query.set(String::new());
                        } else if event.key() == "ArrowDown" {
                            event.prevent_default();
                            focus_row(app, 0);
                        }
                    }
                />
            </div>
            <button type="button" class="icon-button" aria-label=t(K::NewConversation) title=t(K::NewConversation) on:click=move |_| location::go(&Route::New)>
                {icons::Plus()}
            </button>
        </header>
        <div node_ref=scroller class="list-scroll" on:scroll=move |_| look(app, scroller)>
            <Show when=move || count.get().ne(&0)>
                <button type="button" class="requests-banner" on:click=move |_| location::go(&Route::Requests)>
                    <span class="requests-sign">{icons::Inbox()}</span>
                    <span class="requests-text">
                        <strong>{move || tn(K::RequestOne, K::RequestMany, count.get())}</strong>
                        <span>{t(K::RequestsHint)}</span>
                    </span>
                    {icons::ChevronRight()}
                </button>
            </Show>
            // Room for the rows that are not drawn, so that the scroll bar says how long the list is.
            <div class="rows-above" style:height=move || room(above())></div>
            <ul class="rows" role="list" aria-label=t(K::Conversations) data-length=move || length.get().to_string() on:keydown=move |event| row_keys(app, scroller, &event)>
                <For each=move || app.conversations.drawn.get() key=|with| *with let:with>
                    <ConversationRow app=app with=with/>
                </For>
            </ul>
            <div class="rows-below" style:height=move || room(below())></div>
            <ListEmpty app=app/>
        </div>
    }
    .into_any()
}

fn room(rows: usize) -> String {
    format!("calc({rows} * (var(--row) + {ROW_GAP}px))")
}

/// Which rows are in view, and some around them, in steps so that not every pixel changes something.
fn look(app: App, scroller: NodeRef<html::Div>) {
    let Some(node) = scroller.try_get_untracked().flatten() else { return };
    let Ok(Some(above)) = node.query_selector(".rows-above") else { return };
    let height = row_height(&node);
    let before = node.get_bounding_client_rect().top() - above.get_bounding_client_rect().top();
    let from = dom::whole(before / height).saturating_sub(AROUND) / STEP * STEP;
    let count = dom::whole(f64::from(node.client_height()) / height) + 2 * AROUND + STEP;
    if app.conversations.window.get_untracked() != (from, count) {
        app.conversations.window.set((from, count));
    }
}

/// All rows are equally high: two lines that never wrap.
fn row_height(node: &web_sys::Element) -> f64 {
    let row = node.query_selector(".row").ok().flatten().map(|row| row.get_bounding_client_rect().height());
    row.filter(|height| *height > 0.0).unwrap_or(68.0) + f64::from(ROW_GAP)
}

/// What stands where no row is.
#[component]
fn ListEmpty(app: App) -> AnyView {
    let query = app.conversations.query;
    let none = Memo::new(move |_| app.conversations.order.with(Vec::is_empty));
    let searching = Memo::new(move |_| query.with(|query| !query.trim().is_empty()));
    view! {
        {move || match (none.get(), searching.get()) {
            (true, true) => view! {
                <div class="list-empty" role="status">
                    <p><bdi>{move || tf(K::SearchNothing, &[("query", &text::name::clean(&query.get()))])}</bdi></p>
                    <p class="hint">{t(K::SearchPasteHint)}</p>
                </div>
            }.into_any(),
            (true, false) => view! {
                <div class="list-empty">
                    {icons::Logo()}
                    <h2>{t(K::EmptyTitle)}</h2>
                    <p class="hint">{t(K::EmptyLead)}</p>
                    <button type="button" class="button" on:click=move |_| copy_own_id(app)>{icons::Copy()}{t(K::EmptyShare)}</button>
                    <button type="button" class="button button-plain" on:click=move |_| location::go(&Route::New)>{icons::Plus()}{t(K::NewConversation)}</button>
                </div>
            }.into_any(),
            (false, _) => ().into_any(),
        }}
        <Suggestions app=app/>
    }
    .into_any()
}

/// Somebody to talk to on a network of one's own, as long as one does not talk to them yet.
#[component]
fn Suggestions(app: App) -> AnyView {
    let offered = Memo::new(move |_| {
        let few =
            app.conversations.order.with(|order| order.len() <= 1) && app.conversations.query.with(String::is_empty);
        let known = app.conversations.order.get();
        app.network.with(|network| {
            network.suggestions.iter().filter(|person| few && !known.contains(&person.id)).cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <For each=move || offered.get() key=|person| person.id let:person>
            {
                let name = text::name::clean(&person.name);
                let id = person.id;
                view! {
                    <div class="suggestion" data-testid="echo-suggestion">
                        <div class="suggestion-text">
                            <Avatar app=app id=id/>
                            <div>
                                <strong>{tf(K::EchoTitle, &[("name", &name)])}</strong>
                                <p>{t(K::EchoLead)}</p>
                            </div>
                        </div>
                        <button type="button" class="button button-primary button-wide" on:click=move |_| location::go(&Route::Chat(id))>
                            {tf(K::EchoGo, &[("name", &name)])}
                        </button>
                    </div>
                }
            }
        </For>
    }
    .into_any()
}

/// Copies the own Account ID and says so.
pub fn copy_own_id(app: App) {
    if let Some(id) = app.account.with_untracked(|account| account.as_ref().map(|account| account.id)) {
        dom::copy(&id.to_string(), move |done| app.toast(t(if done { K::AccountIdCopied } else { K::CopyFailed })));
    }
}

/// One conversation.
#[component]
pub fn ConversationRow(app: App, with: AccountId) -> AnyView {
    let Some(signal) = app.conversations.get(&with) else { return ().into_any() };
    let view = Memo::new(move |_| signal.get());
    let open = Memo::new(move |_| app.base.get() == Route::Chat(with));
    let typing = Memo::new(move |_| app.conversations.is_typing(&with));
    view! {
        <li class="row" class:row-unread=move || view.with(|view| view.unread > 0 || view.marked_unread) data-testid="conversation" data-id=with.to_string()
            aria-setsize=move || app.conversations.order.with(Vec::len).to_string()
            aria-posinset=move || app.conversations.position(&with).map(|at| at.to_string())
        >
            <a class="row-link" href=Route::Chat(with).to_string() aria-current=move || open.get().then_some("page")>
                <Avatar app=app id=with/>
                <span class="row-text">
                    <span class="row-top">
                        <bdi class="row-name">{move || view.with(conversations::title)}</bdi>
                        {move || view.with(|view| view.pinned).then(|| view! { <span class="row-sign" title=t(K::Pinned)>{icons::Pin()}<span class="unseen">{t(K::Pinned)}</span></span> })}
                        {move || view.with(|view| view.muted).then(|| view! { <span class="row-sign" title=t(K::Muted)>{icons::Mute()}<span class="unseen">{t(K::Muted)}</span></span> })}
                        <span class="row-time">{move || view.with(|view| view.last.as_ref().map(|last| text::time::list_stamp(last.sent_ms, app.now_ms())))}</span>
                    </span>
                    <span class="row-bottom">
                        <span class="row-preview">{move || if typing.get() {
                            view! { <span class="row-typing">{tf(K::TypingNow, &[("name", &view.with(conversations::title))])}</span> }.into_any()
                        } else {
                            view.with(|view| preview(view, open.get()))
                        }}</span>
                        {move || view.with(|view| (view.unread > 0).then_some(view.unread)).map(|unread| view! {
                            <span class="badge" class:badge-quiet=move || view.with(|view| view.muted)>
                                <span aria-hidden="true">{if unread > 99 { "99+".to_owned() } else { unread.to_string() }}</span>
                                <span class="unseen">{tn(K::UnreadOne, K::UnreadMany, unread)}</span>
                            </span>
                        })}
                        {move || view.with(|view| view.unread == 0 && view.marked_unread).then(|| view! {
                            <span class="badge badge-dot" class:badge-quiet=move || view.with(|view| view.muted) title=t(K::MarkedUnread)>
                                <span class="unseen">{t(K::MarkedUnread)}</span>
                            </span>
                        })}
                    </span>
                </span>
            </a>
        </li>
    }
    .into_any()
}

/// The second line of a row.
fn preview(view: &ConversationView, open: bool) -> AnyView {
    if view.blocked {
        return view! { <span class="row-quiet">{t(K::Blocked)}</span> }.into_any();
    }
    let draft: String = view.draft.chars().take(120).collect();
    if !open && !draft.trim().is_empty() {
        return view! { <span class="row-draft">{t(K::Draft)}</span>" "<bdi>{draft}</bdi> }.into_any();
    }
    match &view.last {
        None => view! { <span class="row-quiet">{t(K::NoMessages)}</span> }.into_any(),
        Some(last) if last.text.is_empty() && !last.deleted => {
            view! { <em class="row-quiet">{t(K::Attachment)}</em> }.into_any()
        }
        Some(last) if last.deleted => view! { <em class="row-quiet">{t(K::Deleted)}</em> }.into_any(),
        Some(last) => {
            let mine = last.outgoing && view.kind != crate::vm::ConversationKind::SelfNote;
            view! {
                {state_sign(last)}
                {mine.then(|| view! { <span class="row-you">{t(K::YouPrefix)}" "</span> })}
                <bdi>{last.text.clone()}</bdi>
            }
            .into_any()
        }
    }
}

fn state_sign(last: &Preview) -> Option<AnyView> {
    let (sign, word) = match last.state? {
        SendState::Sending => (icons::Clock(), K::StateSending),
        SendState::Failed(_) => (icons::Warn(), K::StateFailed),
        SendState::Sent | SendState::Delivered | SendState::Read => return None,
    };
    Some(view! { <span class="row-state">{sign}<span class="unseen">{t(word)}": "</span></span> }.into_any())
}

/// Arrow keys in the list. A row that is not drawn is first brought into view.
fn row_keys(app: App, scroller: NodeRef<html::Div>, event: &ev::KeyboardEvent) {
    let here = dom::focused()
        .and_then(|focused| links().iter().position(|link| *link == focused))
        .map(|at| at + app.conversations.window.get_untracked().0);
    let (Some(here), Some(node)) = (here, scroller.get_untracked()) else { return };
    let last = app.conversations.order.with_untracked(Vec::len).saturating_sub(1);
    let target = match event.key().as_str() {
        "ArrowDown" => (here + 1).min(last),
        "ArrowUp" => here.saturating_sub(1),
        "Home" => 0,
        "End" => last,
        _ => return,
    };
    event.prevent_default();
    if target == 0 {
        node.set_scroll_top(0.0);
    } else if target == last {
        node.set_scroll_top(f64::from(node.scroll_height()));
    }
    look(app, scroller);
    // The rows are drawn after this turn.
    dom::after_paint(move || focus_row(app, target));
}

fn links() -> Vec<web_sys::HtmlElement> {
    let Ok(found) = document().query_selector_all(".rows .row-link") else { return Vec::new() };
    (0..found.length()).filter_map(|at| found.item(at)).filter_map(|node| node.dyn_into().ok()).collect()
}

fn focus_row(app: App, at: usize) {
    let from = app.conversations.window.get_untracked().0;
    if let Some(link) = links().get(at.saturating_sub(from)) {
        let _ = link.focus();
    }
}
