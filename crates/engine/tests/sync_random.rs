//! Random edits on up to four devices of one account, with crashes, breaks of the line and lost packets: in the end all
//! devices show the same, and no edit that nobody contradicted is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, second_device, settle};
use proptest::prelude::*;
use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::Expiry;
use zwiebel_proto::account_id::AccountId;
use zwiebel_testkit::world::World;

#[derive(Debug, Clone)]
enum Step {
    Edit {
        device: usize,
        what: Edit,
    },
    /// Crash after so many more effects.
    Crash {
        device: usize,
        after: u64,
    },
    Line {
        device: usize,
        up: bool,
    },
    Loss(u32),
    Wait(u64),
}

#[derive(Debug, Clone)]
enum Edit {
    Name(u8),
    Nickname(u8),
    Pinned(bool),
    Muted(bool),
    Blocked(bool),
    Unread(bool),
    Expiry(u32),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<u8>().prop_map(Edit::Name),
        any::<u8>().prop_map(Edit::Nickname),
        any::<bool>().prop_map(Edit::Pinned),
        any::<bool>().prop_map(Edit::Muted),
        any::<bool>().prop_map(Edit::Blocked),
        any::<bool>().prop_map(Edit::Unread),
        (0..3_u32).prop_map(Edit::Expiry),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..4_usize, edit()).prop_map(|(device, what)| Step::Edit { device, what }),
        1 => (0..4_usize, 1..30_u64).prop_map(|(device, after)| Step::Crash { device, after }),
        1 => (0..4_usize, any::<bool>()).prop_map(|(device, up)| Step::Line { device, up }),
        1 => (0..30_u32).prop_map(Step::Loss),
        3 => (0..6_000_u64).prop_map(Step::Wait),
    ]
}

fn command(what: &Edit, with: AccountId) -> Command {
    match *what {
        Edit::Name(n) => Command::SetDisplayName(format!("name {n}")),
        Edit::Nickname(n) => Command::SetNickname { who: with, nickname: format!("nick {n}") },
        Edit::Pinned(pinned) => Command::SetPinned { with, pinned },
        Edit::Muted(muted) => Command::SetMuted { with, muted },
        Edit::Blocked(blocked) => Command::SetBlocked { who: with, blocked },
        Edit::Unread(unread) => Command::MarkUnread { with, unread },
        Edit::Expiry(hours) => Command::SetExpiry { with, expiry: Expiry::AfterSend(hours * 3_600) },
    }
}

/// Everything that must be the same on all devices. What a blocked person wrote earlier is not read again by a new one, so
/// unread messages do not count here.
fn state(world: &World, device: usize, with: AccountId) -> String {
    let shown = &world.clients[device].shown;
    let view = &shown.conversations[&with];
    let flags = (view.pinned, view.muted, view.blocked, view.marked_unread, view.listed, view.accepted);
    let name = &shown.account.as_ref().unwrap().display_name;
    format!("{name} {} {} {flags:?} {:?}", view.nickname, view.display_name, view.expiry)
}

fn line(world: &mut World, device: usize, up: bool) {
    world.clients[device].offline = !up;
    world.input(device, Input::Online(up));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn devices_agree_in_the_end(seed in 0..1_000_u64, count in 2..5_usize, steps in prop::collection::vec(step(), 1..30)) {
        let mut world = World::new(seed);
        let (first, bob, _, with) = befriend(&mut world);
        world.clients[bob].engine = None;
        let mut devices = vec![first];
        for _ in 1..count {
            devices.push(second_device(&mut world, first));
        }
        settle(&mut world, &devices);
        for step in &steps {
            match step {
                Step::Edit { device, what } => world.command(devices[device % count], command(what, with)),
                Step::Crash { device, after } => world.clients[devices[device % count]].crash_after = Some(*after),
                Step::Line { device, up } => line(&mut world, devices[device % count], *up),
                Step::Loss(percent) => world.net.loss = *percent,
                Step::Wait(ms) => world.run_for(*ms),
            }
            world.run_for(30);
        }
        world.net.loss = 0;
        for device in &devices {
            world.clients[*device].crash_after = None;
            line(&mut world, *device, true);
        }
        world.run_for(30_000);
        settle(&mut world, &devices);
        let same = |w: &World| devices.iter().all(|device| state(w, *device, with) == state(w, first, with));
        prop_assert!(world.run_until(60_000, same).is_some());
        settle(&mut world, &devices);
        prop_assert!(same(&world));
        let wanted = state(&world, first, with);
        // And so does one that starts from nothing.
        let new = second_device(&mut world, first);
        prop_assert_eq!(&state(&world, new, with), &wanted);
        devices.push(new);
        // The last word of one device, in peace, is the last word.
        world.command(devices[count / 2], Command::SetDisplayName("the end".into()));
        let named = |w: &World, device: &usize| w.clients[*device].shown.account.as_ref().unwrap().display_name == "the end";
        prop_assert!(world.run_until(60_000, |w| devices.iter().all(|device| named(w, device))).is_some());
    }
}
