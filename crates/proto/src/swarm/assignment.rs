//! Which node belongs to which swarm (service-nodes 5.2): every node computes the same from the same list and seed.

use std::collections::BTreeMap;

use super::SwarmId;
use super::mt19937_64::Mt19937_64;

/// The numbers of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constants {
    /// A swarm with fewer members is in need.
    pub min: usize,
    /// Members of every swarm beyond `min` that are not counted as spare when a new swarm is considered.
    pub margin: usize,
    /// Members of a new swarm.
    pub new_swarm: usize,
    /// Unassigned nodes go to one of the swarms whose size is at or below this percentile.
    pub fill_percentile: usize,
    /// Swarms in need take from swarms whose size is about this percentile or more.
    pub steal_percentile: usize,
}

/// Members by swarm, in ascending order; new nodes are under [`SwarmId::UNASSIGNED`].
pub type Swarms<N> = BTreeMap<SwarmId, Vec<N>>;

impl Constants {
    /// The public network.
    pub const NETWORK: Self = Self { min: 5, margin: 2, new_swarm: 7, fill_percentile: 25, steal_percentile: 75 };
    /// Small networks of one's own: ten nodes are two swarms of five.
    pub const SMALL: Self = Self { margin: 0, new_swarm: 5, ..Self::NETWORK };
}

impl Default for Constants {
    fn default() -> Self {
        Self::NETWORK
    }
}

/// The swarms after a change of the list. `seed`: the first eight bytes of the block hash, little-endian.
#[must_use]
pub fn assign<N: Ord>(mut before: Swarms<N>, seed: u64, constants: Constants) -> Swarms<N> {
    let unassigned = before.remove(&SwarmId::UNASSIGNED).unwrap_or_default();
    let mut state = State { swarms: before, rng: Mt19937_64::new(seed), constants };
    if state.swarms.is_empty() {
        state.swarms.insert(SwarmId(0), Vec::new());
    }
    for node in unassigned {
        state.place(node, constants.fill_percentile);
        state.create();
    }
    state.feed();
    state.create();
    state.dissolve();
    state.swarms.values_mut().for_each(|members| members.sort_unstable());
    state.swarms
}

/// Members stand in the order in which they came while this runs: draws go by position.
struct State<N> {
    swarms: Swarms<N>,
    rng: Mt19937_64,
    constants: Constants,
}

impl<N: Ord> State<N> {
    /// Step 1: into one of the smaller swarms.
    fn place(&mut self, node: N, percentile: usize) {
        let sizes = self.by_size();
        let Some(limit) = at_percentile(&sizes, percentile) else {
            return;
        };
        let candidates = sizes.iter().take_while(|(size, _)| *size <= limit).count();
        let choice = self.draw(candidates);
        if let Some((_, id)) = sizes.get(choice) {
            self.add(*id, node);
        }
    }

    /// Step 2: swarms in need take from large ones, as long as there is anything to take.
    fn feed(&mut self) {
        let sizes = self.by_size();
        let Some(large) = at_percentile(&sizes, self.constants.steal_percentile) else {
            return;
        };
        let min = self.constants.min;
        let threshold = min.max(large.saturating_sub(1));
        for (_, poor) in sizes.into_iter().filter(|(size, _)| *size < min) {
            while self.size(poor) < min {
                let rich: Vec<_> =
                    self.swarms.iter().filter(|(_, members)| members.len() > threshold).map(|(id, _)| *id).collect();
                let spare: usize = rich.iter().map(|id| self.size(*id) - min).sum();
                if spare < min - self.size(poor) {
                    return;
                }
                let Some(node) = self.take(&rich) else {
                    return;
                };
                self.add(poor, node);
            }
        }
    }

    /// Step 3: new swarms out of what is to spare, unless some swarm is in need.
    fn create(&mut self) {
        let Constants { min, margin, new_swarm, .. } = self.constants;
        if self.swarms.values().any(|members| members.len() < min) {
            return;
        }
        loop {
            let spare: usize = self.swarms.values().map(|members| members.len().saturating_sub(min)).sum();
            if spare < new_swarm + margin * self.swarms.len() {
                return;
            }
            let mut members = Vec::with_capacity(new_swarm);
            for _ in 0..new_swarm {
                let rich: Vec<_> =
                    self.swarms.iter().filter(|(_, members)| members.len() > min).map(|(id, _)| *id).collect();
                members.extend(self.take(&rich));
            }
            let id = new_id(self.swarms.keys().copied());
            self.swarms.insert(id, members);
        }
    }

    /// Step 4: swarms still in need go, the first one first; their members are new nodes again.
    fn dissolve(&mut self) {
        while self.swarms.len() > 1 {
            let in_need = self.swarms.iter().find(|(_, members)| members.len() < self.constants.min);
            let Some(id) = in_need.map(|(id, _)| *id) else {
                return;
            };
            for node in self.swarms.remove(&id).unwrap_or_default() {
                self.place(node, 0);
                self.create();
            }
        }
    }

    /// Sizes ascending; equal sizes by id.
    fn by_size(&self) -> Vec<(usize, SwarmId)> {
        let mut sizes: Vec<_> = self.swarms.iter().map(|(id, members)| (members.len(), *id)).collect();
        sizes.sort_unstable();
        sizes
    }

    fn size(&self, id: SwarmId) -> usize {
        self.swarms.get(&id).map_or(0, Vec::len)
    }

    fn add(&mut self, id: SwarmId, node: N) {
        if let Some(members) = self.swarms.get_mut(&id) {
            members.push(node);
        }
    }

    /// Draws one of all members of these swarms, in order of ids, and takes it out.
    fn take(&mut self, from: &[SwarmId]) -> Option<N> {
        let mut choice = self.draw(from.iter().map(|id| self.size(*id)).sum());
        for id in from {
            let members = self.swarms.get_mut(id)?;
            if choice < members.len() {
                return Some(members.remove(choice));
            }
            choice -= members.len();
        }
        None
    }

    fn draw(&mut self, n: usize) -> usize {
        usize::try_from(self.rng.draw(n as u64)).unwrap_or_default()
    }
}

/// The size at this percentile of sizes in ascending order.
fn at_percentile(sizes: &[(usize, SwarmId)], percentile: usize) -> Option<usize> {
    let index = percentile * sizes.len().checked_sub(1)? / 100;
    sizes.get(index).map(|(size, _)| *size)
}

/// The middle of the widest gap between ids (ascending), the first of the widest.
fn new_id(ids: impl Iterator<Item = SwarmId>) -> SwarmId {
    const LAST: u64 = u64::MAX - 1; // u64::MAX means unassigned
    let ids: Vec<u64> = ids.map(|id| id.0).collect();
    let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else {
        return SwarmId(0);
    };
    let around = LAST - last + first + 1;
    let inner = ids.iter().zip(ids.iter().skip(1)).map(|(low, high)| (*low, high - low));
    let (start, gap) =
        inner.chain([(last, around)]).fold((0, 0), |widest, gap| if gap.1 > widest.1 { gap } else { widest });
    let middle = u128::from(start) + u128::from(gap / 2);
    SwarmId(u64::try_from(middle).ok().filter(|id| *id <= LAST).unwrap_or_else(|| wrap(middle, LAST)))
}

/// A place past the last one, counted on from 0.
fn wrap(place: u128, last: u64) -> u64 {
    u64::try_from(place - u128::from(last) - 1).unwrap_or_default()
}
