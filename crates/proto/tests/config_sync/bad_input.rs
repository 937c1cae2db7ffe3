//! What comes from damaged storage, hostile nodes and newer clients: ignored with a reason, and nothing is lost.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use zwiebel_proto::config::{Config, ConfigError, Contacts, Ignored, UserProfile};

use super::*;

/// A device with a stored profile, and its message.
fn device() -> (Config<UserProfile>, Vec<u8>) {
    let mut profile = Config::<UserProfile>::new();
    profile.set_name("A");
    let push = profile.push(&account()).unwrap().unwrap();
    profile.confirm_pushed(push.receipt());
    (profile, push.messages()[0].1.clone())
}

/// Merging this changes nothing, for this reason.
fn assert_ignored(stored: &[u8], why: Ignored) {
    let (mut profile, _) = device();
    let before = profile.clone().dump();
    let report = take(&mut profile, &[stored]);
    assert!(report.accepted.is_empty() && !report.changed);
    assert_eq!(report.ignored.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [why]);
    assert_eq!(profile.dump(), before);
    profile.set_name("B");
    assert_eq!(profile.push(&account()).unwrap().unwrap().obsolete().len(), 1); // only the own old one
}

#[test]
fn damaged_messages_are_ignored() {
    let (_, stored) = device();
    let step = if cfg!(target_arch = "wasm32") { 37 } else { 5 };
    for at in (0..stored.len()).step_by(step) {
        assert_ignored(&stored[..at], Ignored::Damaged);
        let mut damaged = stored.clone();
        damaged[at] ^= 0x10;
        let (mut profile, _) = device();
        let report = take(&mut profile, &[&damaged]);
        assert!(!report.changed && !profile.needs_push());
        // Nobody vouches for a few bytes of the shell; everything inside it is sealed.
        assert!(at < 20 || at + 3 > stored.len() || report.accepted.is_empty(), "byte {at}");
    }
    assert_ignored(&[0x5a; 76_801], Ignored::Damaged);
}

#[test]
fn messages_of_other_accounts_and_namespaces_are_ignored() {
    let mut contacts = Config::<Contacts>::new();
    contacts.set(&[], b"n", Some(zwiebel_proto::config::Value::bytes("forged")));
    assert_ignored(&contacts.push(&account()).unwrap().unwrap().messages()[0].1, Ignored::Damaged);
    let mut profile = Config::<UserProfile>::new();
    profile.set_name("forged");
    let other = Account::from_seed16([7; 16]);
    assert_ignored(&profile.push(&other).unwrap().unwrap().messages()[0].1, Ignored::Damaged);
    assert_ignored(&seal(&other, "UserProfile", b"d1:#i9e1:&de1:<le1:=dee"), Ignored::Damaged);
    assert_ignored(&seal(&account(), "Contacts", b"d1:#i9e1:&de1:<le1:=dee"), Ignored::Damaged);
}

#[test]
fn messages_of_newer_clients_are_left_alone() {
    for body in [b"x whatever".as_slice(), b"\xff", b"", b"d1:\"i1e1:#i9e1:&de1:<le1:=dee"] {
        assert_ignored(&seal(&account(), "UserProfile", body), Ignored::Newer);
    }
}

#[test]
fn messages_that_are_not_canonical_are_ignored() {
    let long = [b"zstd".as_slice(), &[0xff; 100]].concat();
    for body in [
        b"d".as_slice(),
        b"d1:#i9e1:&d1:b0:1:a0:e1:<le1:=dee",
        b"d1:#i9e1:&de1:<le1:=deee",
        b"d1:#i9e1:&d1:adee1:<le1:=dee",
        b"z",
        b"m",
        b"ml32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1:\x051:\x021:ce",
        &long,
        &[b"d1:#i9e1:&d1:a", [b'l'; 150].as_slice()].concat(),
    ] {
        assert_ignored(&seal(&account(), "UserProfile", body), Ignored::Damaged);
    }
}

#[test]
fn a_decompression_bomb_is_ignored() {
    // Blocks of one repeated byte, 128 KiB each: 100 of them are 13 MB.
    let mut body = vec![b'z', 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    for block in 0..100_u32 {
        let header = (128 * 1024_u32) << 3 | 1 << 1 | u32::from(block == 99);
        body.extend_from_slice(&header.to_le_bytes()[..3]);
        body.push(b'd');
    }
    assert_ignored(&seal(&account(), "UserProfile", &body), Ignored::Damaged);
}

#[test]
fn replayed_old_messages_change_nothing() {
    let (mut profile, mut swarm) = (Config::<UserProfile>::new(), Swarm::new());
    let mut old: Vec<Vec<u8>> = Vec::new();
    for number in 0..12 {
        profile.set_name(&format!("name {number}"));
        push(&mut profile, &mut swarm);
        old.extend(swarm.values().cloned());
        let all: Vec<&[u8]> = old.iter().map(Vec::as_slice).collect();
        let report = take(&mut profile, &all);
        assert!(!report.changed && report.ignored.is_empty());
        assert!(!profile.needs_push());
        assert_eq!(profile.name().unwrap(), format!("name {number}"));
        assert_eq!(profile.active_hashes().into_iter().collect::<Vec<_>>(), swarm.keys().copied().collect::<Vec<_>>());
    }
    // One bad node alone can show a restoring device an old state; any other node heals it.
    let mut restored = Config::<UserProfile>::new();
    take(&mut restored, &[&old[3]]);
    assert_eq!(restored.name().unwrap(), "name 3");
    poll(&mut restored, &swarm);
    assert_eq!(restored.name().unwrap(), "name 11");
    assert!(!restored.needs_push());
}

#[test]
fn copies_in_other_shells_do_not_pile_up() {
    let (mut profile, stored) = device();
    for number in 0..200_u8 {
        // Another number of the request, which nobody reads.
        let copy = [&stored[..stored.len() - 1], &[number & 0x7f]].concat();
        take(&mut profile, &[&copy]);
        assert!(!profile.needs_push() && profile.active_hashes().len() <= 4);
    }
}

#[test]
fn good_messages_among_bad_ones_count() {
    let (_, stored) = device();
    let mut profile = Config::<UserProfile>::new();
    let report = take(&mut profile, &[b"junk", &stored, &seal(&account(), "UserProfile", b"future")]);
    assert_eq!((report.accepted.len(), report.ignored.len()), (1, 2));
    assert_eq!(profile.name().unwrap(), "A");
}

#[test]
fn damaged_dumps_are_refused() {
    let (mut profile, _) = device();
    let dump = profile.dump();
    for at in 0..dump.len() {
        assert!(Config::<UserProfile>::load(&dump[..at]).is_err());
    }
    for bad in [b"".as_slice(), b"de", b"d1:!i7e1:$23:d1:#i0e1:&de1:<le1:=deee", b"d1:!i0e1:$0:e"] {
        assert!(matches!(Config::<UserProfile>::load(bad), Err(ConfigError::NotCanonical)));
    }
}
