//! Pushes, confirmations, crashes: what is stored is never named as obsolete, and no edit is lost.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use zwiebel_crypto::keys::X25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{Config, ConfigError, Contacts, Picture, Priority, UserProfile, Value};

use super::*;

fn named(name: &str) -> Config<UserProfile> {
    let mut profile = Config::<UserProfile>::new();
    profile.set_name(name);
    profile
}

#[test]
fn own_message_read_back_while_waiting_confirms_it() {
    let mut profile = named("A");
    let push1 = profile.push(&account()).unwrap().unwrap();
    let stored = push1.messages()[0].clone();
    let mut profile = Config::<UserProfile>::load(&profile.dump()).unwrap(); // the answer was lost
    take(&mut profile, &[&stored.1]);
    assert!(!profile.needs_push());
    assert!(profile.active_hashes().iter().eq([&stored.0]));
    let again = profile.push_again(&account()).unwrap();
    assert_eq!(again.messages()[0], stored);
    assert_eq!(again.obsolete().len(), 0);
    profile.set_name("B");
    let next = profile.push(&account()).unwrap().unwrap();
    assert!(next.obsolete().eq([&stored.0]));
    assert_ne!(next.messages()[0].0, stored.0);
}

#[test]
fn own_message_under_another_hash_is_kept_until_the_next_version() {
    let mut profile = named("A");
    let push = profile.push(&account()).unwrap().unwrap();
    profile.confirm_pushed(push.receipt());
    let raw = seal(&account(), "UserProfile", &plaintext(&profile)); // the same version without shell
    take(&mut profile, &[&raw]);
    assert!(!profile.needs_push());
    assert_eq!(profile.active_hashes().len(), 2);
    assert_eq!(profile.push_again(&account()).unwrap().obsolete().len(), 0);
    profile.set_name("B");
    assert_eq!(profile.push(&account()).unwrap().unwrap().obsolete().len(), 2);
}

#[test]
fn same_edit_made_elsewhere_confirms_an_edit_not_yet_pushed() {
    let mut other = named("A");
    let stored = other.push(&account()).unwrap().unwrap().messages()[0].1.clone();
    let mut profile = named("A");
    take(&mut profile, &[&stored]);
    assert!(!profile.needs_push());
}

#[test]
fn a_message_under_a_false_name_is_merged_but_its_name_is_not_used() {
    let mut other = named("A");
    let stored = other.push(&account()).unwrap().unwrap().messages()[0].1.clone();
    let victim = hash_of(Namespace::CONTACTS, b"what a node wants deleted");
    let mut profile = named("B");
    profile.merge(&account(), &[(victim, &stored)], 0);
    let push = profile.push(&account()).unwrap().unwrap();
    assert!(push.obsolete().all(|hash| *hash != victim));
    assert!(!profile.active_hashes().contains(&victim));
}

#[test]
fn obsolete_hashes_are_named_until_a_push_is_confirmed() {
    let (mut profile, mut swarm) = (named("A"), Swarm::new());
    push(&mut profile, &mut swarm);
    profile.set_name("B");
    assert_eq!(profile.push(&account()).unwrap().unwrap().obsolete().len(), 1);
    let push2 = profile.push(&account()).unwrap().unwrap(); // the first never left
    assert_eq!(push2.obsolete().len(), 1);
    profile.confirm_pushed(push2.receipt());
    assert!(profile.push(&account()).unwrap().is_none());
    profile.set_name("C");
    let push3 = profile.push(&account()).unwrap().unwrap();
    assert!(push3.obsolete().eq(push2.messages().iter().map(|(hash, _)| hash)));
}

#[test]
fn confirmation_that_comes_after_an_edit_names_the_stored_version_obsolete() {
    let mut profile = named("A");
    let late = profile.push(&account()).unwrap().unwrap();
    profile.set_name("B");
    profile.confirm_pushed(late.receipt());
    assert!(profile.needs_push());
    assert_eq!(profile.seqno(), 2);
    let push = profile.push(&account()).unwrap().unwrap();
    assert!(push.obsolete().eq(late.messages().iter().map(|(hash, _)| hash)));
}

#[test]
fn a_push_that_never_left_costs_no_number() {
    let mut profile = named("A");
    for name in ["B", "C", "D", "E", "F", "G", "H"] {
        let push = profile.push(&account()).unwrap().unwrap();
        profile.abandon_push(push.receipt());
        profile.set_name(name);
    }
    assert_eq!(profile.seqno(), 1);
    let mut same = named("H");
    same.push(&account()).unwrap();
    profile.push(&account()).unwrap();
    assert_eq!(plaintext(&profile), plaintext(&same));
}

#[test]
fn writing_what_is_there_changes_nothing() {
    let (mut profile, mut swarm) = (named("A"), Swarm::new());
    push(&mut profile, &mut swarm);
    profile.dump();
    profile.set_name("A");
    profile.set_picture(None);
    profile.set_note_to_self(Priority::NORMAL);
    assert!(!profile.needs_push() && !profile.needs_dump());
    assert!(poll(&mut profile, &swarm).accepted.len() == 1 && !profile.needs_push());
}

#[test]
fn pending_edits_survive_a_restart() {
    let (mut profile, mut swarm) = (named("A"), Swarm::new());
    push(&mut profile, &mut swarm);
    profile.set_name("B");
    let mut loaded = Config::<UserProfile>::load(&profile.dump()).unwrap();
    assert!(loaded.needs_push());
    loaded.set_note_to_self(Priority(1));
    profile.set_note_to_self(Priority(1));
    assert_eq!(plaintext(&loaded), plaintext(&profile));
    assert_eq!(
        loaded.push(&account()).unwrap().unwrap().messages(),
        profile.push(&account()).unwrap().unwrap().messages()
    );
}

#[test]
fn a_dump_of_the_reference_with_pending_edits_uses_a_number_more() {
    let mut profile = named("A");
    let Ok(Bencode::Dict(mut entries)) = Bencode::decode(&profile.dump()) else { panic!("no dump") };
    entries.remove(b"before".as_slice());
    let loaded = Config::<UserProfile>::load(&Bencode::Dict(entries).encode()).unwrap();
    assert_eq!((loaded.seqno(), loaded.name().as_deref()), (2, Some("A")));
    assert!(loaded.needs_push());
}

#[test]
fn an_edit_made_while_far_behind_is_made_again() {
    let (mut online, mut offline, mut swarm) = (named("A"), Config::<UserProfile>::new(), Swarm::new());
    push(&mut online, &mut swarm);
    poll(&mut offline, &swarm);
    offline.set_note_to_self(Priority(7));
    offline.set_name("old");
    for number in 0..9 {
        online.set_name(&format!("name {number}"));
        push(&mut online, &mut swarm);
    }
    poll(&mut offline, &swarm);
    assert!(offline.needs_push());
    assert_eq!(offline.note_to_self(), Priority(7));
    assert_eq!(offline.name().unwrap(), "name 8"); // the rival edit is newer
    push(&mut offline, &mut swarm);
    poll(&mut online, &swarm);
    assert_eq!(online.note_to_self(), Priority(7));
    assert_eq!(plaintext(&online), plaintext(&offline));
    assert_eq!(swarm.len(), 1);
}

#[test]
fn an_edit_others_have_seen_and_undone_is_not_made_again() {
    let (mut a, mut b, mut swarm) = (named("A"), Config::<UserProfile>::new(), Swarm::new());
    push(&mut a, &mut swarm);
    poll(&mut b, &swarm);
    a.set_note_to_self(Priority(7));
    let lost = a.push(&account()).unwrap().unwrap(); // stored, but the answer is lost
    swarm.extend(lost.messages().iter().cloned());
    poll(&mut b, &swarm);
    b.set_note_to_self(Priority::NORMAL);
    push(&mut b, &mut swarm);
    poll(&mut a, &swarm);
    assert_eq!(a.note_to_self(), Priority::NORMAL);
    assert!(!a.needs_push());
}

#[test]
fn a_third_device_does_not_lose_its_edit_to_the_whole_diff_of_a_merge() {
    let mut swarm = Swarm::new();
    let mut devices = [named("A"), Config::<UserProfile>::new(), Config::<UserProfile>::new()];
    push(&mut devices[0], &mut swarm);
    devices.iter_mut().for_each(|device| drop(poll(device, &swarm)));
    let [a, b, c] = &mut devices;
    a.set_note_to_self(Priority(1));
    b.set_note_expiry_s(60);
    c.set_name("C");
    push(a, &mut swarm);
    push(b, &mut swarm);
    poll(a, &swarm);
    push(a, &mut swarm); // a merge, whose diff assigns every key
    poll(c, &swarm);
    assert_eq!(c.name().unwrap(), "C");
    push(c, &mut swarm);
    for device in [a, b] {
        poll(device, &swarm);
        assert_eq!(device.name().unwrap(), "C");
        assert_eq!(device.note_to_self(), Priority(1));
        assert_eq!(device.note_expiry_s(), 60);
    }
}

#[test]
fn deleting_a_contact_is_not_undone_by_an_edit_made_while_far_behind() {
    let id = AccountId::from_key(X25519Public([7; 32]));
    let (mut online, mut offline, mut swarm) = (Config::<Contacts>::new(), Config::<Contacts>::new(), Swarm::new());
    online.edit(&id, |contact| contact.approved = true);
    push(&mut online, &mut swarm);
    poll(&mut offline, &swarm);
    offline.edit(&id, |contact| contact.nickname = Some("N".to_owned()));
    online.erase(&id);
    for number in 0..9 {
        online.edit(&AccountId::from_key(X25519Public([100 + number; 32])), |_| ());
        push(&mut online, &mut swarm);
    }
    poll(&mut offline, &swarm);
    assert!(offline.contact(&id).is_none());
}

#[test]
fn unknown_keys_stay_byte_for_byte() {
    let id = AccountId::from_key(X25519Public([7; 32]));
    let mut newer = Config::<Contacts>::new();
    newer.edit(&id, |contact| contact.name = Some("N".to_owned()));
    let entry: &[&[u8]] = &[b"c", &id.to_bytes()];
    newer.set(entry, b"Zz", Some(Value::bytes([0, 255])));
    newer.set(entry, b"e", Some(Value::int(99))); // a mode to come
    newer.set(&[b"future", b"x"], b"y", Some(Value::int(-1)));
    let mut swarm = Swarm::new();
    push(&mut newer, &mut swarm);
    let mut contacts = Config::<Contacts>::new();
    poll(&mut contacts, &swarm);
    contacts.edit(&id, |contact| contact.blocked = true);
    push(&mut contacts, &mut swarm);
    poll(&mut newer, &swarm);
    assert!(newer.contact(&id).unwrap().blocked);
    newer.edit(&id, |contact| contact.blocked = false);
    let mut expected = contacts.data().clone();
    assert!(expected != *newer.data());
    contacts.edit(&id, |contact| contact.blocked = false);
    expected.clone_from(contacts.data());
    assert!(expected == *newer.data());
    assert_eq!(contacts.data().get(b"future".as_slice()), newer.data().get(b"future".as_slice()));
}

#[test]
fn keys_of_a_newer_message_format_are_passed_on() {
    let body = b"d1:#i4e1:$3:new1:&d1:n1:Ae1:'li1ee1:<le1:=d1:n0:ee";
    let mut profile = Config::<UserProfile>::new();
    take(&mut profile, &[&seal(&account(), "UserProfile", body)]);
    assert_eq!(profile.name().unwrap(), "A");
    assert_eq!(plaintext(&profile), body);
    profile.set_name("B");
    let text = plaintext(&profile);
    assert!(text.starts_with(b"d1:#i5e1:$3:new1:&d1:n1:Be1:'li1ee1:<"));
}

#[test]
fn thousands_of_contacts_go_in_parts() {
    let mut contacts = Config::<Contacts>::new();
    for number in 0..1500_u32 {
        let random: [u8; 64] = blake2b(&[&number.to_be_bytes()]);
        let id = AccountId::from_key(X25519Public(*random.first_chunk().unwrap()));
        contacts.edit(&id, |contact| {
            contact.name = Some(format!("Contact {number}"));
            let url = format!("https://example.org/file/{number}");
            contact.picture = Some(Picture { url, key: *random.last_chunk().unwrap() });
        });
    }
    let push = contacts.push(&account()).unwrap().unwrap();
    assert!(push.messages().len() > 1);
    assert!(push.messages().iter().all(|(_, data)| data.len() <= 76_800));
    contacts.confirm_pushed(push.receipt());
    let mut restored = Config::<Contacts>::new();
    take(&mut restored, &push.messages().iter().rev().map(|(_, data)| data.as_slice()).collect::<Vec<_>>());
    assert_eq!(restored.iter().count(), 1500);
    assert_eq!(restored.active_hashes(), contacts.active_hashes());
    assert!(restored.data() == contacts.data());
}

#[test]
fn a_config_beyond_all_limits_is_not_pushed_and_nothing_changes() {
    let mut profile = Config::<UserProfile>::new();
    let mut noise = Vec::new();
    for number in 0..90_000_u32 {
        noise.extend_from_slice(&blake2b::<64>(&[&number.to_be_bytes()]));
    }
    profile.set(&[], b"x", Some(Value::bytes(noise)));
    assert!(matches!(profile.push(&account()), Err(ConfigError::TooLarge)));
    profile.set(&[], b"x", None);
    profile.set_name("A");
    assert_eq!(profile.seqno(), 1);
    assert!(profile.push(&account()).unwrap().is_some());
}
