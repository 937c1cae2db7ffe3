//! The ways out: the gateway that served the app, further ones that it names, and nodes that take packets from pages
//! themselves. One is used at a time. One that fails is left for the next, and tested from time to time until it is back.

use serde::{Deserialize, Serialize};
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::sorted::SortedMap;

use super::{NodeSet, trust};
use crate::view::{Way, WayState, WayView};

/// Further gateways that are taken from a list at most: each is a name in the page's policy.
const MAX_GATEWAYS: usize = 16;

/// Requests in a row without an answer before a way counts as failed.
const MAX_TIMEOUTS: u8 = 3;

/// Between tests of a way that failed; doubled each time.
const TEST_MS: u64 = 2_000;
const TEST_MAX_MS: u64 = 300_000;

/// A way is left for another one because nothing comes of it no more often.
const TURN_MS: u64 = 45_000;

/// Single row `ways`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaysRow {
    pub(crate) gateways: Vec<String>,
    /// Nodes that take packets from pages, and where.
    pub(crate) direct: Vec<([u8; 32], String)>,
    /// What the person wants to use as long as it works.
    pub(crate) preferred: Option<Way>,
}

#[derive(Default)]
pub(crate) struct Ways {
    gateways: Vec<String>,
    direct: SortedMap<Ed25519Public, String>,
    preferred: Option<Way>,
    current: Way,
    down: SortedMap<Way, Down>,
    /// Requests without an answer since the last one with.
    timeouts: u8,
    turned_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Down {
    test_at: u64,
    times: u32,
}

impl Ways {
    pub(crate) fn load(row: WaysRow) -> Self {
        let direct = row.direct.into_iter().map(|(key, origin)| (Ed25519Public(key), origin)).collect();
        let mut ways = Self { gateways: row.gateways, direct, preferred: row.preferred, ..Self::default() };
        ways.choose();
        ways
    }

    pub(crate) fn row(&self) -> WaysRow {
        let direct = self.direct.iter().map(|(key, origin)| (key.0, origin.clone())).collect();
        WaysRow { gateways: self.gateways.clone(), direct, preferred: self.preferred.clone() }
    }

    /// Takes over what the serving gateway offers. True if that is new. Plain HTTP only where the app came that way itself.
    pub(crate) fn offer(
        &mut self,
        gateways: &[String],
        direct: SortedMap<Ed25519Public, String>,
        local_origin: bool,
    ) -> bool {
        let plain = |text: &str| local_origin && zwiebel_proto::directory::origin(text).as_deref() == Some(text);
        let usable = gateways.iter().filter(|text| trust::is_secure(text) || plain(text));
        let gateways: Vec<String> = usable.take(MAX_GATEWAYS).cloned().collect();
        let news = gateways != self.gateways || direct != self.direct;
        (self.gateways, self.direct) = (gateways, direct);
        let all = self.all();
        self.down.retain(|way, _| all.contains(way));
        self.choose();
        news
    }

    /// All ways in the order in which they are tried. Guards see less of whoever comes through a gateway, so nodes come last.
    fn all(&self) -> Vec<Way> {
        let further = self.gateways.iter().cloned().map(Way::Gateway);
        let direct = (!self.direct.is_empty()).then_some(Way::Direct);
        let known: Vec<Way> = [Way::Home].into_iter().chain(further).chain(direct).collect();
        let preferred = self.preferred.iter().filter(|way| known.contains(way)).cloned();
        let mut all: Vec<Way> = preferred.collect();
        all.extend(known.into_iter().filter(|way| self.preferred.as_ref() != Some(way)));
        all
    }

    /// The way that new requests take.
    pub(crate) const fn current(&self) -> &Way {
        &self.current
    }

    /// Packets go to nodes without a gateway.
    pub(crate) fn is_direct(&self) -> bool {
        self.current == Way::Direct
    }

    /// Where this node takes packets from pages.
    pub(crate) fn direct(&self, node: &Ed25519Public) -> Option<&str> {
        self.direct.get(node).map(String::as_str)
    }

    pub(crate) fn direct_nodes(&self) -> NodeSet {
        self.direct.keys().copied().collect()
    }

    /// The first way that works; if none does, the one that is to be tested next.
    fn choose(&mut self) {
        let all = self.all();
        let best = all.iter().find(|way| !self.down.contains_key(way));
        let best = best.or_else(|| all.iter().min_by_key(|way| self.down.get(way).map_or(0, |down| down.test_at)));
        if let Some(best) = best.filter(|best| **best != self.current) {
            tracing::info!(direct = *best == Way::Direct, "packets take another way out");
            self.current = best.clone();
            self.timeouts = 0;
        }
    }

    /// Nothing goes this way. True if another one works.
    pub(crate) fn failed(&mut self, way: &Way, now: u64) -> bool {
        if self.all().contains(way) {
            let known = self.down.get(way).copied();
            if known.is_none_or(|down| down.test_at <= now) {
                let times = known.map_or(0, |down| down.times).saturating_add(1);
                let wait = TEST_MS.saturating_mul(1 << times.saturating_sub(1).min(8)).min(TEST_MAX_MS);
                self.down.insert(way.clone(), Down { test_at: now.saturating_add(wait), times });
            }
        }
        self.choose();
        !self.down.contains_key(&self.current)
    }

    /// An answer came this way.
    pub(crate) fn works(&mut self, way: &Way) {
        if *way == self.current {
            self.timeouts = 0;
        }
        if self.down.remove(way).is_some() {
            self.choose();
        }
    }

    /// No answer came this way in time.
    pub(crate) fn timed_out(&mut self, way: &Way, now: u64) {
        if *way != self.current {
            return;
        }
        self.timeouts = self.timeouts.saturating_add(1);
        if self.timeouts >= MAX_TIMEOUTS && self.has_others() {
            self.failed(way, now);
        }
    }

    /// Nothing has gone through for long: another way, if there is one.
    pub(crate) fn turn(&mut self, now: u64) {
        if self.has_others() && self.turned_ms.saturating_add(TURN_MS) <= now {
            self.turned_ms = now;
            let way = self.current.clone();
            self.failed(&way, now);
        }
    }

    fn has_others(&self) -> bool {
        self.all().iter().any(|way| *way != self.current && !self.down.contains_key(way))
    }

    /// A better way than the current one whose next test is due. Nodes need none: they are tested as guards.
    pub(crate) fn to_test(&self, now: u64) -> Option<Way> {
        let all = self.all();
        let better = all.iter().take_while(|way| **way != self.current);
        let due = |way: &&Way| self.down.get(way).is_some_and(|down| down.test_at <= now);
        better.filter(due).find(|way| **way != Way::Direct).cloned()
    }

    pub(crate) fn wake_at(&self) -> Option<u64> {
        let all = self.all();
        let better = all.iter().take_while(|way| **way != self.current && **way != Way::Direct);
        better.filter_map(|way| self.down.get(way)).map(|down| down.test_at).min()
    }

    /// The line is back: everything deserves another chance.
    pub(crate) fn hurry(&mut self) {
        self.down.clear();
        self.choose();
    }

    /// The person chose; `None`: the app shall.
    pub(crate) fn prefer(&mut self, way: Option<Way>) {
        if let Some(way) = &way {
            self.down.remove(way);
        }
        self.preferred = way;
        self.choose();
    }

    pub(crate) const fn preferred(&self) -> Option<&Way> {
        self.preferred.as_ref()
    }

    pub(crate) fn view(&self) -> Vec<WayView> {
        let further = self.gateways.iter().cloned().map(Way::Gateway);
        let direct = (!self.direct.is_empty()).then_some(Way::Direct);
        let view = |way: Way| {
            let state = if self.down.contains_key(&way) {
                WayState::Down
            } else if way == self.current {
                WayState::InUse
            } else {
                WayState::Ready
            };
            WayView { way, state }
        };
        [Way::Home].into_iter().chain(further).chain(direct).map(view).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Ways, Way) {
        let mut ways = Ways::default();
        assert!(ways.offer(&["https://b.example.org".to_owned()], SortedMap::new(), false));
        (ways, Way::Gateway("https://b.example.org".to_owned()))
    }

    #[test]
    fn the_next_way_is_taken_and_the_first_one_again_when_it_is_back() {
        let (mut ways, second) = two();
        assert_eq!(*ways.current(), Way::Home);
        assert!(ways.failed(&Way::Home, 1_000));
        assert_eq!(*ways.current(), second);
        assert_eq!((ways.to_test(2_999), ways.to_test(3_000)), (None, Some(Way::Home)));
        assert!(ways.failed(&Way::Home, 3_000), "the second one goes on");
        assert_eq!((ways.to_test(6_999), ways.to_test(7_000)), (None, Some(Way::Home)), "tests become rarer");
        ways.works(&Way::Home);
        assert_eq!(*ways.current(), Way::Home);
    }

    #[test]
    fn failures_of_the_same_moment_count_once() {
        let (mut ways, _) = two();
        for _ in 0..5 {
            ways.failed(&Way::Home, 1_000);
        }
        assert_eq!(ways.wake_at(), Some(3_000));
    }

    #[test]
    fn when_nothing_works_each_is_tried_in_turn() {
        let (mut ways, second) = two();
        assert!(ways.failed(&Way::Home, 1_000));
        assert!(!ways.failed(&second, 1_500), "none left");
        assert_eq!(*ways.current(), Way::Home, "its test is due first");
        assert!(!ways.failed(&Way::Home, 3_000));
        assert_eq!(*ways.current(), second);
        ways.works(&second);
        assert_eq!(*ways.current(), second);
    }

    #[test]
    fn silence_is_failure_only_while_there_is_another_way() {
        let mut alone = Ways::default();
        let (mut ways, second) = two();
        for n in 0..6 {
            alone.timed_out(&Way::Home, n);
            ways.timed_out(&Way::Home, n);
        }
        assert_eq!((alone.current(), ways.current()), (&Way::Home, &second));
        assert!(alone.down.is_empty());
    }

    #[test]
    fn what_the_person_wants_comes_first_as_long_as_it_works() {
        let (mut ways, second) = two();
        ways.prefer(Some(second.clone()));
        assert_eq!(*ways.current(), second);
        assert!(ways.failed(&second, 0));
        assert_eq!(*ways.current(), Way::Home);
        assert_eq!(*Ways::load(ways.row()).current(), second, "kept over a restart");
        ways.prefer(None);
        ways.works(&second);
        assert_eq!(*ways.current(), Way::Home);
    }

    #[test]
    fn only_good_origins_are_taken_and_plain_ones_only_at_home() {
        let offered = ["https://b.example.org", "http://127.0.0.1:8100", "https://c/path", "javascript:x"];
        let offered = offered.map(str::to_owned);
        let taken = |local| {
            let mut ways = Ways::default();
            ways.offer(&offered, SortedMap::new(), local);
            ways.row().gateways
        };
        assert_eq!(taken(false), ["https://b.example.org"]);
        assert_eq!(taken(true), ["https://b.example.org", "http://127.0.0.1:8100"]);
    }

    #[test]
    fn nodes_come_last_and_only_if_there_are_any() {
        let mut ways = Ways::default();
        let node = (Ed25519Public([1; 32]), "https://node.example.org".to_owned());
        ways.offer(&[], [node].into(), false);
        assert!(ways.failed(&Way::Home, 0) && ways.is_direct());
        assert_eq!(ways.to_test(2_000), Some(Way::Home));
        ways.offer(&[], SortedMap::new(), false);
        assert_eq!(*ways.current(), Way::Home);
    }
}
