//! The ways out of the browser: which gateway, or none; and whose signature the lists of nodes need.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Problem;
use crate::vm::Way;
use crate::vm::WayState;
use crate::vm::WayView;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn WaysSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Settings));
    let ways = Memo::new(move |_| app.network.with(|network| network.ways.clone()));
    let operator = Memo::new(move |_| app.network.with(|network| network.operator.clone()));
    view! {
        <Dialog title=Signal::stored(t(K::Ways).to_owned()) on_close=close on_back=back>
            <p class="lead">{t(K::WaysLead)}</p>
            <fieldset class="radios">
                <legend class="unseen">{t(K::Ways)}</legend>
                <Choice app=app way=None name=t(K::WayAuto).to_owned() hint=Signal::stored(t(K::WayAutoHint).to_owned())/>
                <For each=move || ways.get() key=|view| view.way.clone() let:view><WayChoice app=app way=view.way ways=ways/></For>
            </fieldset>
            <Show when=move || operator.with(Option::is_some)><Operator app=app operator=operator/></Show>
        </Dialog>
    }
    .into_any()
}

/// One way, and how it is.
#[component]
fn WayChoice(app: App, way: Way, ways: Memo<Vec<WayView>>) -> AnyView {
    let (name, hint) = match &way {
        Way::Home => (t(K::WayHome).to_owned(), window().location().host().unwrap_or_default()),
        Way::Gateway(origin) => {
            let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
            (host.to_owned(), t(K::WayGatewayHint).to_owned())
        }
        Way::Direct => (t(K::WayDirect).to_owned(), t(K::WayDirectHint).to_owned()),
    };
    let state = {
        let way = way.clone();
        move || ways.with(|ways| ways.iter().find(|view| view.way == way).map(|view| view.state))
    };
    let hint = Signal::derive(move || match state() {
        Some(WayState::InUse) => format!("{hint} · {}", t(K::WayInUse)),
        Some(WayState::Down) => format!("{hint} · {}", t(K::WayDown)),
        Some(WayState::Ready) | None => hint.clone(),
    });
    view! { <Choice app=app way=Some(way) name=name hint=hint/> }.into_any()
}

#[component]
fn Choice(app: App, way: Option<Way>, name: String, #[prop(into)] hint: Signal<String>) -> AnyView {
    let wanted = way.clone();
    let chosen = move || app.network.with(|network| network.preferred == wanted);
    view! {
        <label class="radio-line" data-testid="way">
            <input type="radio" name="way" prop:checked=chosen on:change=move |_| app.send(Command::PreferWay(way.clone()))/>
            <span class="setting-text"><bdi class="setting-name">{name}</bdi><span class="hint" role="status">{hint}</span></span>
        </label>
    }
    .into_any()
}

/// The pinned operator. Another one can be let in only while the gateway shows a list of somebody else's.
#[component]
fn Operator(app: App, operator: Memo<Option<String>>) -> AnyView {
    let refused = move || app.problem.get() == Some(Problem::UnsignedNodeList);
    view! {
        <section class="settings-part">
            <h3>{t(K::Operator)}</h3>
            <p class="hint">{t(K::OperatorHint)}</p>
            <code class="mono" data-testid="operator">{move || operator.with(|key| grouped(key.as_deref().unwrap_or_default()))}</code>
            <Show when=refused>
                <p class="sync-problem">{icons::Warn()}<span>{t(K::OperatorRefused)}</span></p>
                <button type="button" class="button button-danger" on:click=move |_| app.send(Command::ForgetOperator)>{t(K::OperatorForget)}</button>
            </Show>
        </section>
    }
    .into_any()
}

/// In groups of four, as other keys are shown.
fn grouped(key: &str) -> String {
    let digits: Vec<char> = key.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// The line in the settings that leads here: which way packets take.
#[component]
pub fn WaysLine(app: App) -> AnyView {
    let in_use = move || {
        app.network.with(|network| {
            let way = network.ways.iter().find(|view| view.state == WayState::InUse).map(|view| &view.way);
            match way {
                Some(Way::Home) => t(K::WayHome).to_owned(),
                Some(Way::Gateway(origin)) => {
                    tf(K::WayOver, &[("host", origin.split_once("://").map_or("", |(_, host)| host))])
                }
                Some(Way::Direct) => t(K::WayDirect).to_owned(),
                None => t(K::PathNone).to_owned(),
            }
        })
    };
    view! {
        <div class="lines">
            <button type="button" class="line-button" aria-label=t(K::Ways) aria-describedby="way-in-use" on:click=move |_| location::go(&Route::Ways)>
                {icons::Globe()}
                <span class="line-text"><span>{t(K::Ways)}</span><bdi id="way-in-use" class="hint">{in_use}</bdi></span>
                {icons::ChevronRight()}
            </button>
        </div>
    }
    .into_any()
}
