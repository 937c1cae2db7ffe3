//! Up to four devices, random edits, lost and repeated and reordered pushes: all end with the same data.

use proptest::prelude::*;
use zwiebel_proto::config::{Config, Contacts, Scalar, Value};
use zwiebel_proto::sorted::{SortedMap, SortedSet};

use super::*;

/// More of them with PROPTEST_CASES.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Edit {
        device: usize,
        path: u8,
        key: u8,
        value: Option<u8>,
    },
    Insert {
        device: usize,
        key: u8,
        item: u8,
        there: bool,
    },
    /// Whether the messages arrive, the answer arrives, and the device knows when nothing was sent.
    Push {
        device: usize,
        stored: bool,
        answered: bool,
        known: bool,
    },
    /// Sees only some messages, in some order, some twice.
    Poll {
        device: usize,
        mask: u8,
        reverse: bool,
        twice: bool,
    },
    Restart {
        device: usize,
    },
    /// A message from long ago appears again.
    Replay {
        device: usize,
        which: usize,
    },
}

fn step(devices: usize) -> impl Strategy<Value = Step> {
    let device = 0..devices;
    prop_oneof![
        4 => (device.clone(), 0..4_u8, 0..3_u8, any::<Option<u8>>())
            .prop_map(|(device, path, key, value)| Step::Edit { device, path, key, value }),
        1 => (device.clone(), 0..2_u8, 0..4_u8, any::<bool>())
            .prop_map(|(device, key, item, there)| Step::Insert { device, key, item, there }),
        3 => (device.clone(), any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(device, stored, answered, known)| Step::Push { device, stored, answered, known }),
        3 => (device.clone(), any::<u8>(), any::<bool>(), any::<bool>())
            .prop_map(|(device, mask, reverse, twice)| Step::Poll { device, mask, reverse, twice }),
        1 => device.clone().prop_map(|device| Step::Restart { device }),
        1 => (device, any::<usize>()).prop_map(|(device, which)| Step::Replay { device, which }),
    ]
}

#[derive(Default)]
struct World {
    devices: Vec<Config<Contacts>>,
    swarm: Swarm,
    /// Everything ever stored.
    past: Vec<(MessageHash, Vec<u8>)>,
}

impl World {
    fn new(devices: usize) -> Self {
        Self { devices: (0..devices).map(|_| Config::new()).collect(), ..Self::default() }
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Edit { device, path, key, value } => {
                let paths: [&[&[u8]]; 4] = [&[], &[b"a"], &[b"a", b"b"], &[b"c", b"id"]];
                let value = value.map(|value| Value::int(value.into()));
                self.devices[*device].set(paths[usize::from(*path)], &[b'0' + key], value);
            }
            Step::Insert { device, key, item, there } => {
                let device = &mut self.devices[*device];
                let key = [b's', *key];
                let mut set = match device.data().get(key.as_slice()) {
                    Some(Value::Set(set)) => set.clone(),
                    _ => SortedSet::new(),
                };
                let item = Scalar::Int((*item).into());
                if *there {
                    set.insert(item)
                } else {
                    set.remove(&item)
                };
                device.set(&[], &key, (!set.is_empty()).then_some(Value::Set(set)));
            }
            Step::Push { device, stored, answered, known } => self.push(*device, *stored, *answered, *known),
            Step::Poll { device, mask, reverse, twice } => {
                let bit = |index: usize| mask >> (index % 8) & 1 == 1;
                let seen = self.swarm.iter().enumerate().filter(|(index, _)| bit(*index));
                let mut inputs: Vec<_> = seen.map(|(_, (hash, data))| (*hash, data.as_slice())).collect();
                if *reverse {
                    inputs.reverse();
                }
                if *twice {
                    inputs.extend(inputs.clone());
                }
                self.devices[*device].merge(&account(), &inputs, 0);
            }
            Step::Restart { device } => {
                let dump = self.devices[*device].dump();
                let mut loaded = Config::load(&dump).unwrap();
                assert_eq!(loaded.dump(), dump);
                self.devices[*device] = loaded;
            }
            Step::Replay { device, which } => {
                if let Some((hash, data)) = self.past.get(which % self.past.len().max(1)) {
                    self.devices[*device].merge(&account(), &[(*hash, data.as_slice())], 0);
                }
            }
        }
    }

    fn push(&mut self, device: usize, stored: bool, answered: bool, known: bool) {
        let device = &mut self.devices[device];
        let Some(push) = device.push(&account()).unwrap() else { return };
        let hashes: Vec<_> = push.messages().iter().map(|(hash, _)| *hash).collect();
        assert!(push.obsolete().all(|hash| !hashes.contains(hash)));
        if stored {
            self.swarm.extend(push.messages().iter().cloned());
            self.past.extend(push.messages().iter().cloned());
            push.obsolete().for_each(|hash| drop(self.swarm.remove(hash)));
            if answered {
                device.confirm_pushed(push.receipt());
                assert!(!device.needs_push());
            }
        } else if known {
            device.abandon_push(push.receipt());
        }
    }

    /// Everybody polls everything and pushes, until nobody has anything to push.
    fn settle(&mut self) -> usize {
        for round in 0..30 {
            for device in 0..self.devices.len() {
                poll(&mut self.devices[device], &self.swarm);
                self.push(device, true, true, true);
            }
            if self.devices.iter().all(|device| !device.needs_push()) && round > 0 {
                return round;
            }
        }
        panic!("no end to it");
    }

    fn assert_equal(&self) {
        let first = &self.devices[0];
        for device in &self.devices {
            assert!(device.data() == first.data());
            assert_eq!(plaintext(device), plaintext(first));
            assert!(device.active_hashes().iter().any(|hash| self.swarm.contains_key(hash)) || device.seqno() == 0);
        }
        // A new device gets the same from what is stored.
        let mut restored = Config::<Contacts>::new();
        poll(&mut restored, &self.swarm);
        assert!(restored.data() == first.data());
        assert!(!restored.needs_push());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn devices_end_with_the_same_data(
        (count, steps) in (2..=4_usize).prop_flat_map(|count| (Just(count), prop::collection::vec(step(count), 0..40)))
    ) {
        let mut world = World::new(count);
        steps.iter().for_each(|step| world.run(step));
        world.settle();
        world.assert_equal();
    }

    /// Order, repetition and what else is mixed in do not matter for what one call merges.
    #[test]
    fn merging_is_commutative_and_idempotent(
        steps in prop::collection::vec(step(3), 1..30), seed in any::<u64>()
    ) {
        let mut world = World::new(3);
        steps.iter().for_each(|step| world.run(step));
        (0..3).for_each(|device| world.push(device, true, false, false));
        let inputs: Vec<_> = world.past.iter().map(|(hash, data)| (*hash, data.as_slice())).collect();
        let mut shuffled = inputs.clone();
        shuffled.extend(inputs.clone());
        shuffled.sort_by_key(|(hash, _)| blake2b::<8>(&[&seed.to_be_bytes(), hash.as_str().as_bytes()]));
        for device in &world.devices {
            let (mut one, mut other) = (device.clone(), device.clone());
            one.merge(&account(), &inputs, 0);
            other.merge(&account(), &shuffled, 0);
            prop_assert_eq!(one.clone().dump(), other.dump());
            let before = one.data().clone();
            let needed = one.needs_push();
            one.merge(&account(), &shuffled, 0);
            prop_assert!(*one.data() == before);
            prop_assert_eq!(one.needs_push(), needed);
        }
    }

    /// Keys that only one device writes are never lost, as long as messages still tell of all versions.
    #[test]
    fn edits_without_rival_are_kept(
        steps in prop::collection::vec((0..3_usize, any::<u8>(), 0..5_u8), 1..16)
    ) {
        let mut world = World::new(3);
        let mut expected = SortedMap::new();
        for (device, value, action) in &steps {
            match action {
                0 | 1 => drop(poll(&mut world.devices[*device], &world.swarm)),
                2 => world.push(*device, true, true, true),
                _ => {
                    let key = format!("key {device}").into_bytes();
                    world.devices[*device].set(&[], &key, Some(Value::int((*value).into())));
                    expected.insert(key, Value::int((*value).into()));
                }
            }
        }
        world.settle();
        world.assert_equal();
        if world.devices[0].seqno() <= 5 {
            prop_assert!(*world.devices[0].data() == expected);
        }
    }
}
