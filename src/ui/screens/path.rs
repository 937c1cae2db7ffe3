//! The way a request takes: from the middle of the onion outwards, one ring per service node.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Connection;
use crate::vm::HopView;
use crate::vm::NetworkKind;
use crate::vm::NetworkView;
use crate::vm::Way;
use crate::vm::WayState;
use crate::vm::route::Route;

/// A clock further off than this is worth a word.
const CLOCK_FINE_MS: u64 = 60_000;

/// The dialog.
#[component]
pub fn PathSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Account));
    let hops = Memo::new(move |_| app.network.with(|network| network.path.clone()));
    let swarm = Memo::new(move |_| app.network.with(|network| network.swarm.clone()));
    let way = Memo::new(move |_| app.network.with(in_use));
    let direct = move || way.with(|way| *way == Way::Direct);
    let built = Memo::new(move |_| hops.with(|hops| !hops.is_empty()));
    view! {
        <Dialog title=Signal::stored(t(K::Path).to_owned()) on_close=close on_back=back>
            <p class="lead">{t(K::PathLead)}</p>
            <Rings built=built/>
            <ol class="hops">
                <li class="hop hop-you">
                    <span class="hop-sign">{icons::Person()}</span>
                    <span class="hop-text"><strong>{t(K::PathYou)}</strong><span class="hint">{t(K::PathYouHint)}</span></span>
                </li>
                {move || way.with(gateway_line)}
                {move || hops.with(|hops| hops.iter().enumerate().map(|(at, hop)| hop_line(at, hop, direct())).collect_view())}
                {move || (!built.get()).then(|| view! {
                    <li class="hop hop-none" role="status">
                        <span class="hop-sign">{icons::Spinner()}</span>
                        <span class="hop-text">{move || t(if app.network.with(|network| network.state) == Connection::Offline { K::PathNone } else { K::PathBuilding })}</span>
                    </li>
                })}
                <li class="hop hop-swarm">
                    <span class="hop-sign">{icons::Inbox()}</span>
                    <span class="hop-text">
                        <strong>{t(K::PathSwarm)}</strong>
                        <span class="hint">{t(K::PathSwarmHint)}</span>
                        <SwarmNodes swarm=swarm/>
                    </span>
                </li>
            </ol>
            <button type="button" class="button button-primary button-wide" on:click=move |_| app.send(Command::NewPath)>{icons::Retry()}{t(K::NewPath)}</button>
            <Facts app=app/>
        </Dialog>
    }
    .into_any()
}

/// The way that packets take.
fn in_use(network: &NetworkView) -> Way {
    let used = network.ways.iter().find(|view| view.state == WayState::InUse);
    used.map(|view| view.way.clone()).unwrap_or_default()
}

/// None on the way straight to a guard.
fn gateway_line(way: &Way) -> Option<AnyView> {
    let hint = match way {
        Way::Home => t(K::PathGatewayHint).to_owned(),
        Way::Gateway(origin) => {
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            tf(K::PathGatewayOtherHint, &[("host", host)])
        }
        Way::Direct => return None,
    };
    let line = view! {
        <li class="hop" data-testid="gateway">
            <span class="hop-sign">{icons::Globe()}</span>
            <span class="hop-text"><strong>{t(K::PathGateway)}</strong><span class="hint">{hint}</span></span>
        </li>
    };
    Some(line.into_any())
}

fn hop_line(at: usize, hop: &HopView, direct: bool) -> AnyView {
    let (word, hint) = match at {
        0 if direct => (K::PathGuard, K::PathGuardDirectHint),
        0 => (K::PathGuard, K::PathGuardHint),
        1 => (K::PathRelay, K::PathRelayHint),
        _ => (K::PathRelay, K::PathRelayLastHint),
    };
    view! {
        <li class="hop" data-testid="hop" data-key=hop.key.clone()>
            <span class=format!("hop-sign hop-ring hop-ring-{at}")></span>
            <span class="hop-text">
                <strong>{t(word)}</strong>
                <span class="hint">{t(hint)}</span>
                <code class="hop-address">{hop.address.clone()}</code>
                <code class="hop-key" title=hop.key.clone()>{short_key(&hop.key)}</code>
            </span>
        </li>
    }
    .into_any()
}

fn short_key(key: &str) -> String {
    let head: String = key.chars().take(8).collect();
    let tail = key.get(key.len().saturating_sub(4)..).unwrap_or_default();
    format!("{head}…{tail}")
}

#[component]
fn SwarmNodes(swarm: Memo<Vec<HopView>>) -> AnyView {
    (move || {
        let nodes = swarm.get();
        if nodes.is_empty() {
            return view! { <span class="hint">{t(K::PathSwarmNone)}</span> }.into_any();
        }
        let count = nodes.len();
        let lines = nodes
            .into_iter()
            .map(|node| {
                let short = short_key(&node.key);
                view! { <li data-testid="swarm-node" data-key=node.key><code class="hop-address">{node.address}</code><code class="hop-key">{short}</code></li> }
            })
            .collect_view();
        view! {
            <details class="swarm-nodes">
                <summary>{t(K::PathSwarmNodes)}" ("{count}")"</summary>
                <ul>{lines}</ul>
            </details>
        }
        .into_any()
    })
    .into_any()
}

/// The onion, filling as the path stands.
#[component]
fn Rings(built: Memo<bool>) -> AnyView {
    view! {
        <svg class="path-rings" class:path-built=move || built.get() viewBox="0 0 220 120" aria-hidden="true" focusable="false">
            <g class="arcs">
                <circle class="arc arc-4" cx="110" cy="110" r="98"></circle>
                <circle class="arc arc-3" cx="110" cy="110" r="76"></circle>
                <circle class="arc arc-2" cx="110" cy="110" r="54"></circle>
                <circle class="arc arc-1" cx="110" cy="110" r="32"></circle>
                <path class="way" d="M110 110 L127.500 83.200 L100.600 56.800 L139.400 39.900 L93 13.500"></path>
                <circle class="dot dot-you" cx="110" cy="110" r="7"></circle>
                <circle class="dot dot-1" cx="127.500" cy="83.200" r="5"></circle>
                <circle class="dot dot-2" cx="100.600" cy="56.800" r="5"></circle>
                <circle class="dot dot-3" cx="139.400" cy="39.900" r="5"></circle>
                <circle class="dot dot-4" cx="93" cy="13.500" r="6"></circle>
            </g>
        </svg>
    }
    .into_any()
}

/// Network, clock and the last answer.
#[component]
fn Facts(app: App) -> AnyView {
    let network = app.network;
    let kind = move || {
        network.with(|view| {
            view.network.as_ref().map(|name| {
                let kind = match name.kind {
                    NetworkKind::Local => K::KindLocal,
                    NetworkKind::Own => K::KindOwn,
                    NetworkKind::Session => K::KindSession,
                };
                format!("{}, {}", text::name::clean(&name.name), t(kind))
            })
        })
    };
    let poll = move || network.with(|view| view.last_poll_ms).map_or_else(|| t(K::Never).to_owned(), text::time::clock);
    let clock = move || network.with(|view| view.clock_offset_ms).map(clock_words);
    view! {
        <dl class="facts">
            <dt>{t(K::PathNetwork)}</dt>
            <dd><bdi>{move || kind().unwrap_or_else(|| t(K::PathSwarmNone).to_owned())}</bdi><br/>{move || tf(K::PathNodes, &[("n", &network.with(|view| view.nodes).to_string())])}</dd>
            <dt>{t(K::PathPoll)}</dt>
            <dd>{poll}</dd>
            <dt>{t(K::PathClock)}</dt>
            <dd>{move || clock().unwrap_or_else(|| t(K::PathSwarmNone).to_owned())}</dd>
        </dl>
    }
    .into_any()
}

/// Network time minus device clock, in words.
fn clock_words(offset_ms: i64) -> String {
    let off = offset_ms.unsigned_abs();
    if off < CLOCK_FINE_MS {
        return t(K::PathClockFine).to_owned();
    }
    let minutes = off / 60_000;
    let amount = if minutes < 120 {
        tf(K::Minutes, &[("n", &minutes.to_string())])
    } else {
        tf(K::Hours, &[("n", &(minutes / 60).to_string())])
    };
    tf(if offset_ms < 0 { K::PathClockAhead } else { K::PathClockBehind }, &[("t", &amount)])
}
