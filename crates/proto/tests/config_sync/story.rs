//! The story of `vectors/config.json`: the same edits give the same bytes as the reference, on every device.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use hex_literal::hex;
use zwiebel_crypto::keys::X25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{
    Config, Contacts, Conversation, ConvoInfoVolatile, Expiry, ExpiryMode, Membership, Notifications, Picture,
    Priority, ReadMark, UserGroups, UserProfile, Value,
};
use zwiebel_proto::sorted::SortedSet;

use super::*;

fn id(byte: u8) -> AccountId {
    AccountId::from_key(X25519Public([byte; 32]))
}

fn picture(url: &str, key: &[u8; 32]) -> Picture {
    Picture { url: url.to_owned(), key: *key }
}

/// A device at step 1 of the story, and the message stored.
fn step1() -> (Config<UserProfile>, Vec<u8>) {
    let mut profile = Config::<UserProfile>::new();
    assert!(!profile.needs_push() && !profile.needs_dump());
    profile.set_name("Kallie");
    profile.set_picture(Some(&picture("http://example.org/omg-pic-123.bmp", b"secret78901234567890123456789012")));
    profile.set_note_to_self(Priority(9));
    assert!(profile.needs_push() && profile.needs_dump());
    let push = profile.push(&account()).unwrap().unwrap();
    assert_eq!(push.obsolete().len(), 0);
    let [(_, stored)] = push.messages() else { panic!("one message") };
    let stored = stored.clone();
    assert_eq!(stored, unhex(&vectors()["user_profile"]["step1"]["stored_hex"]));
    assert_eq!(profile.clone().dump(), unhex(&vectors()["user_profile"]["step1_dump_waiting_hex"]));
    profile.confirm_pushed(push.receipt());
    assert!(!profile.needs_push());
    (profile, stored)
}

/// A dump of the vectors, whose hashes are no hashes.
fn reference_dump(name: &str, hash: &MessageHash) -> Vec<u8> {
    let dump = unhex(&vectors()["user_profile"][name]);
    let at = dump.windows(11).position(|window| window == b"9:fakehash1").unwrap();
    [&dump[..at], format!("43:{hash}").as_bytes(), &dump[at + 11..]].concat()
}

#[test]
fn nothing_is_pushed_or_dumped_without_an_edit() {
    let profile = Config::<UserProfile>::new();
    assert_eq!(plaintext(&profile), unhex(&vectors()["user_profile"]["step0_empty"]["plaintext_hex"]));
    let push = profile.push_again(&account()).unwrap();
    assert_eq!(push.messages()[0].1, unhex(&vectors()["user_profile"]["step0_empty"]["stored_hex"]));
}

#[test]
fn dumps_are_those_of_the_reference() {
    let (mut profile, stored) = step1();
    let hash = hash_of(Namespace::USER_PROFILE, &stored);
    let expected = reference_dump("step1_dump_clean_hex", &hash);
    assert_eq!(profile.dump(), expected);
    assert!(!profile.needs_dump());
    let mut loaded = Config::<UserProfile>::load(&expected).unwrap();
    assert_eq!(loaded.dump(), expected);
    assert_eq!(loaded.name().unwrap(), "Kallie");
    assert_eq!(loaded.active_hashes().into_iter().collect::<Vec<_>>(), [hash]);

    let waiting = unhex(&vectors()["user_profile"]["step1_dump_waiting_hex"]);
    let mut loaded = Config::<UserProfile>::load(&waiting).unwrap();
    assert!(loaded.needs_push());
    assert_eq!(loaded.dump(), waiting);
    assert_eq!(loaded.push(&account()).unwrap().unwrap().messages()[0].1, stored);
}

#[test]
fn two_devices_edit_and_merge_to_the_same_bytes() {
    let story = &vectors()["user_profile"];
    let (mut a, stored1) = step1();
    let mut b = Config::<UserProfile>::new();
    let report = take(&mut b, &[&stored1]);
    assert!(report.changed && report.accepted.len() == 1 && report.ignored.is_empty());
    assert!(!b.needs_push());
    assert_eq!(b.name().unwrap(), "Kallie");
    let hash1 = hash_of(Namespace::USER_PROFILE, &stored1);

    a.set_name("Nibbler");
    let push_a = a.push(&account()).unwrap().unwrap();
    assert_eq!(push_a.messages()[0].1, unhex(&story["step2_device_a"]["stored_hex"]));
    assert!(push_a.obsolete().eq([&hash1]));
    a.confirm_pushed(push_a.receipt());

    b.set_name("Raz");
    b.set_picture(Some(&picture("http://new.example.com/pic", b"qwert\0yuio1234567890123456789012")));
    b.set_note_expiry_s(86400);
    b.set_community_requests(Some(true));
    let push_b = b.push(&account()).unwrap().unwrap();
    assert_eq!(plaintext(&b), unhex(&story["step2_device_b"]["plaintext_hex"]));
    b.confirm_pushed(push_b.receipt());

    let stored_b = unhex(&story["step2_device_b"]["stored_hex"]);
    assert!(take(&mut a, &[&stored_b]).changed);
    assert!(take(&mut b, &[&push_a.messages()[0].1]).changed);
    for device in [&mut a, &mut b] {
        assert!(device.needs_push());
        assert_eq!(device.name().unwrap(), "Nibbler");
        assert_eq!(device.note_expiry_s(), 86400);
        assert_eq!(device.community_requests(), Some(true));
        // As in the vectors, but for the last key: the reference lists the whole data there, which loses edits.
        let expected = unhex(&story["step3_merged_both_devices_identical"]["plaintext_hex"]);
        let at = (0..expected.len()).rfind(|at| expected[*at..].starts_with(b"1:=d")).unwrap() + 4;
        assert_eq!(plaintext(device), [&expected[..at], b"ee"].concat());
    }
    let (merged_a, merged_b) = (a.push(&account()).unwrap().unwrap(), b.push(&account()).unwrap().unwrap());
    assert_eq!(merged_a.messages(), merged_b.messages());
    let mut expected = vec![push_a.messages()[0].0, hash_of(Namespace::USER_PROFILE, &stored_b)];
    expected.sort_unstable();
    assert!(merged_a.obsolete().eq(&expected));
}

#[test]
fn an_edit_not_yet_pushed_takes_part_in_a_merge() {
    let story = &vectors()["user_profile"];
    let (mut device, stored1) = step1();
    device.set_name("Zed");
    let stored_b = unhex(&story["step2_device_b"]["stored_hex"]);
    take(&mut device, &[&stored_b]);
    assert_eq!(device.name().unwrap(), "Zed");
    assert_eq!(plaintext(&device), unhex(&story["step3_merged_while_dirty"]["plaintext_hex"]));
    let push = device.push(&account()).unwrap().unwrap();
    let mut expected = vec![hash_of(Namespace::USER_PROFILE, &stored1), hash_of(Namespace::USER_PROFILE, &stored_b)];
    expected.sort_unstable();
    assert!(push.obsolete().eq(&expected));
}

#[test]
fn what_the_reference_stored_is_taken_as_it_is() {
    let vectors = vectors();
    let story = &vectors["user_profile"];
    let mut profile = Config::<UserProfile>::new();
    let steps = ["step1", "step2_device_a", "step2_device_b", "step3_merged_both_devices_identical"];
    let stored: Vec<Vec<u8>> = steps.iter().map(|step| unhex(&story[*step]["stored_hex"])).collect();
    take(&mut profile, &stored.iter().map(Vec::as_slice).collect::<Vec<_>>());
    assert!(!profile.needs_push());
    assert_eq!(plaintext(&profile), unhex(&story["step3_merged_both_devices_identical"]["plaintext_hex"]));
    let mut contacts = Config::<Contacts>::new();
    take(&mut contacts, &[&unhex(&vectors["compressed_contacts"]["stored_hex"])]);
    assert_eq!(plaintext(&contacts), unhex(&vectors["compressed_contacts"]["plaintext_hex"]));
    assert!(contacts.iter().count() > 5);
}

#[test]
fn contacts_match() {
    let story = &vectors()["contacts"];
    let (joe, stranger) = (id(0), id(0x11));
    let mut contacts = Config::<Contacts>::new();
    contacts.edit(&joe, |contact| {
        contact.name = Some("Joe".to_owned());
        contact.nickname = Some("Joey".to_owned());
        contact.approved = true;
        contact.approved_me = true;
        contact.notifications = Notifications::All;
        contact.mute_until_s = 1_680_065_859;
        contact.priority = Priority(3);
        contact.expiry = Some(Expiry { mode: ExpiryMode::AfterRead, seconds: 3600 });
        contact.created_s = 1_680_064_059;
    });
    contacts.edit(&stranger, |_| ());
    let push = contacts.push(&account()).unwrap().unwrap();
    assert_eq!(plaintext(&contacts), unhex(&story["step1"]["plaintext_hex"]));
    contacts.confirm_pushed(push.receipt());

    let mut other = Config::<Contacts>::new();
    take(&mut other, &[&unhex(&story["step1"]["stored_hex"])]);
    assert!(other.contact(&joe).unwrap() == contacts.contact(&joe).unwrap());
    assert_eq!(other.iter().count(), 2);

    contacts.erase(&joe);
    contacts.edit(&stranger, |contact| contact.blocked = true);
    let push = contacts.push(&account()).unwrap().unwrap();
    assert_eq!(plaintext(&contacts), unhex(&story["step2_block_second_erase_first"]["plaintext_hex"]));
    assert_eq!(push.obsolete().len(), 1);
    assert!(contacts.contact(&joe).is_none());
    assert!(contacts.contact(&stranger).unwrap().blocked);
    take(&mut other, &[&unhex(&story["step2_block_second_erase_first"]["stored_hex"])]);
    assert!(other.contact(&joe).is_none());
    assert!(!other.needs_push());
}

#[test]
fn read_marks_match() {
    let story = &vectors()["convo_info_volatile"]["step1"];
    let one =
        AccountId::from_key(X25519Public(hex!("5000000000000000000000000000000000000000000000000000000000000000")));
    let group = hex!("030111101001001000101010011011010010101010111010000110100001210000");
    let community = Conversation::Community {
        base_url: "http://example.org:5678".to_owned(),
        room: "sudokuroom".to_owned(),
        key: hex!("1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef"),
    };
    let mut legacy = [0xcc; 33];
    legacy[0] = 5;
    let mark = |last_read_ms| ReadMark { last_read_ms, marked_unread: false };
    let mut marks = Config::<ConvoInfoVolatile>::new();
    let unread = ReadMark { marked_unread: true, ..mark(2_000_000_000_000) };
    marks.set_read_mark(&Conversation::OneToOne(one), unread);
    marks.set_read_mark(&community, mark(2_000_000_000_001));
    marks.set_read_mark(&Conversation::Group(group), mark(2_000_000_000_002));
    marks.set_read_mark(&Conversation::LegacyGroup(legacy), mark(2_000_000_000_003));
    let _ = marks.push(&account()).unwrap().unwrap();
    assert_eq!(plaintext(&marks), unhex(&story["plaintext_hex"]));

    let mut other = Config::<ConvoInfoVolatile>::new();
    take(&mut other, &[&unhex(&story["stored_hex"])]);
    assert_eq!(other.read_mark(&Conversation::OneToOne(one)), Some(unread));
    assert_eq!(other.read_mark(&community), Some(mark(2_000_000_000_001)));
    assert_eq!(unread.latest(mark(1)), unread);
    other.set_read_mark(&Conversation::OneToOne(one), mark(0));
    assert_eq!(other.read_mark(&Conversation::OneToOne(one)), Some(mark(0)));
    other.erase_old(2_000_000_000_000, &SortedSet::from_iter([one]));
    assert_eq!(other.one_to_one().count(), 1, "it was just written");
    other.erase_old(2_000_000_000_000, &SortedSet::new());
    assert_eq!(other.one_to_one().count(), 0);
    other.erase(&community);
    assert_eq!(other.read_mark(&community), None);
}

#[test]
fn groups_are_read_and_carried_along_untouched() {
    let story = &vectors()["user_groups"]["step1"];
    let mut groups = Config::<UserGroups>::new();
    take(&mut groups, &[&unhex(&story["stored_hex"])]);
    let memberships: Vec<Membership> = groups.groups().map(|group| group.membership).collect();
    assert_eq!(memberships, [Membership::Invited, Membership::Kicked, Membership::Admin]);
    let community = groups.communities().next().unwrap();
    assert_eq!((community.room.as_str(), community.priority), ("SudokuRoom", Priority(14)));
    assert_eq!(community.notifications, Notifications::Mentions);
    assert_eq!(plaintext(&groups), unhex(&story["plaintext_hex"]));

    // The same from nothing: every key of the tree set alone.
    let mut copy = Config::<UserGroups>::new();
    copy_dict(groups.data(), &mut Vec::new(), &mut copy);
    let _ = copy.push(&account()).unwrap().unwrap();
    assert_eq!(plaintext(&copy), unhex(&story["plaintext_hex"]));
}

fn copy_dict(from: &zwiebel_proto::config::Dict, path: &mut Vec<Vec<u8>>, to: &mut Object) {
    for (key, value) in from {
        if let Value::Dict(inner) = value {
            path.push(key.clone());
            copy_dict(inner, path, to);
            path.pop();
        } else {
            to.set(&path.iter().map(Vec::as_slice).collect::<Vec<_>>(), key, Some(value.clone()));
        }
    }
}

#[test]
fn parts_make_a_config() {
    let story = &vectors()["multipart"];
    let parts: Vec<Vec<u8>> =
        story["parts"].as_array().unwrap().iter().map(|part| unhex(&part["stored_hex"])).collect();
    let mut profile = Config::<UserProfile>::new();
    assert_eq!(take(&mut profile, &[&parts[2]]).accepted.len(), 1);
    assert_eq!(profile.active_hashes().len(), 1);
    let mut profile = Config::<UserProfile>::load(&profile.dump()).unwrap();
    assert_eq!(profile.name(), None);
    assert!(take(&mut profile, &[&parts[0], &parts[2], &parts[1]]).changed);
    assert_eq!(profile.name().as_deref(), story["result_name"].as_str());
    let hashes = parts.iter().map(|part| hash_of(Namespace::USER_PROFILE, part)).collect();
    assert_eq!(profile.active_hashes(), hashes);
    assert!(!profile.needs_push());
    let report = take(&mut profile, &[&parts[1]]);
    assert!(report.accepted.len() == 1 && !report.changed);
    profile.set_name("Another");
    assert_eq!(profile.push(&account()).unwrap().unwrap().obsolete().len(), 3);
}
