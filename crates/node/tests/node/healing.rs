//! Members of a swarm that missed something, each case without the queue of the node that knew.

use std::time::Duration;
use std::time::Instant;

use zwiebel_node::store::messages;
use zwiebel_node::store::messages::Message;
use zwiebel_node::store::queue;
use zwiebel_proto::account::Account;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::delete;
use zwiebel_proto::storage_rpc::message_hash;
use zwiebel_proto::storage_rpc::store;
use zwiebel_proto::storage_rpc::store_signed;

use crate::support::Net;
use crate::support::account;
use crate::support::owner;

const DAY: u64 = 86_400_000;

async fn stored(net: &Net, entry: usize, account: &Account, text: &[u8]) -> String {
    let request = store(&account.id(), text, DAY, net.now(), Namespace::MESSAGES);
    let (status, body) = net.direct(entry, &request).await;
    assert_eq!(status, 200, "{body}");
    body["hash"].as_str().unwrap().to_owned()
}

/// Waits until each of these members holds exactly this: a busy one may get it from the queue.
async fn until_all_hold(net: &Net, members: &[usize], account: &Account, hashes: &[String]) {
    for member in members {
        net.until_hashes(*member, account, 0, hashes).await;
    }
}

/// Nothing waits for anybody at this node any more.
async fn forget_queue(net: &Net, number: usize) {
    let node = net.network.node(number).unwrap();
    let cleared = node.store.run(|db| {
        for peer in queue::peers(db)? {
            while let Some(first) = queue::next(db, &peer, 1)?.pop() {
                queue::remove(db, first.id)?;
            }
        }
        Ok(())
    });
    cleared.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_was_missed_is_caught_up_and_not_undone() {
    let mut net = Net::start().await;
    let account = account(3);
    let (members, _) = net.swarm_of(&account);
    let [entry, second, late] = members[..3] else { panic!("a swarm has five") };
    let (gone, kept) = (stored(&net, entry, &account, b"gone").await, stored(&net, entry, &account, b"kept").await);
    net.network.stop_node(late).await.unwrap();
    let request = delete(&account, &[MessageHash::parse(&gone).unwrap()]);
    assert_eq!(net.direct(entry, &request).await.0, 200);
    until_all_hold(&net, &[entry, second, members[3], members[4]], &account, std::slice::from_ref(&kept)).await;
    // Only the entry knows that somebody missed it; it forgets.
    forget_queue(&net, entry).await;
    net.network.start_node(late).await.unwrap();
    net.until_hashes(late, &account, 0, std::slice::from_ref(&kept)).await;
    // The others have looked at what the late one had, and took nothing of it.
    for member in [entry, second, late] {
        let node = net.network.node(member).unwrap();
        let before = node.store.run(messages::count).await.unwrap();
        assert_eq!((before, net.hashes(member, &account, 0).await), (1, vec![kept.clone()]));
    }
    // A client that stores it anew, after the deletion, gets it stored.
    let again = stored(&net, second, &account, b"gone").await;
    assert_eq!(again, gone);
    assert_eq!(net.hashes(entry, &account, 0).await.len(), 2);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stored_again_after_its_deletion_reaches_members_that_were_away() {
    let mut net = Net::start().await;
    let account = account(8);
    let (members, _) = net.swarm_of(&account);
    let [entry, second, away, away_later, fifth] = members[..] else { panic!("a swarm has five") };
    let hash = stored(&net, entry, &account, b"again").await;
    net.network.stop_node(away).await.unwrap();
    let request = delete(&account, &[MessageHash::parse(&hash).unwrap()]);
    assert_eq!(net.direct(entry, &request).await.0, 200);
    until_all_hold(&net, &[entry, second, away_later, fifth], &account, &[]).await;
    // The second knows of the deletion and not of the store after it.
    net.network.stop_node(away_later).await.unwrap();
    assert_eq!(stored(&net, entry, &account, b"again").await, hash);
    forget_queue(&net, entry).await;
    for late in [away, away_later] {
        net.network.start_node(late).await.unwrap();
        net.until_hashes(late, &account, 0, std::slice::from_ref(&hash)).await;
    }
    // Deleted once more, it is gone for good.
    assert_eq!(net.direct(away, &request).await.0, 200);
    until_all_hold(&net, &members, &account, &[]).await;
    net.network.stop_node(away).await.unwrap();
    net.network.start_node(away).await.unwrap();
    until_all_hold(&net, &members, &account, &[]).await;
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_member_can_put_something_into_a_public_outbox_for_ever() {
    let mut net = Net::start().await;
    let account = account(9);
    let (members, _) = net.swarm_of(&account);
    let (liar, late) = (members[0], members[1]);
    net.network.stop_node(late).await.unwrap();
    let (who, now) = (owner(&account), i64::try_from(net.now()).unwrap());
    let of_liar = |namespace: i16, timestamp: i64| {
        let data = b"not the owner's".to_vec();
        let hash = message_hash(&who.to_bytes(), Namespace(namespace), &data).as_str().to_owned();
        Message { hash, namespace, timestamp, expiry: now + 86_400_000, stored: now, data }
    };
    // The second one shows that what the liar has was pulled.
    let (forged, marker) = (of_liar(-1, i64::MAX - 1), of_liar(0, now));
    let shown = marker.hash.clone();
    let node = net.network.node(liar).unwrap();
    let put = node.store.run(move |db| {
        messages::replace(db, &who, &forged)?;
        messages::insert(db, &who, &marker)
    });
    put.await.unwrap();
    net.network.start_node(late).await.unwrap();
    net.until_hashes(late, &account, 0, &[shown]).await;
    let who = owner(&account);
    let there = net.network.node(late).unwrap().store.run(move |db| messages::outbox(db, &who, -1));
    assert_eq!(there.await.unwrap(), None);
    // The owner's next value stands, at the liar's as well.
    let request = store_signed(&account, b"the owner's", DAY, net.now(), Namespace(-1));
    for member in [liar, late] {
        let (status, body) = net.direct(member, &request).await;
        assert_eq!(status, 200, "{body}");
        let hash = body["hash"].as_str().unwrap().to_owned();
        net.until_hashes(member, &account, -1, &[hash]).await;
    }
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_missed_messages_come_within_seconds() {
    const MISSED: usize = 5_000;
    let mut net = Net::start().await;
    let account = account(4);
    let (members, _) = net.swarm_of(&account);
    let (entry, late) = (members[0], members[1]);
    net.network.stop_node(late).await.unwrap();
    // Straight into the database, as if the copies had been lost on the way.
    let (who, now) = (owner(&account), i64::try_from(net.now()).unwrap());
    let all: Vec<Message> = (0..MISSED)
        .map(|n| {
            let data = [n.to_le_bytes().as_slice(), &[7; 1000]].concat();
            let hash = message_hash(&who.to_bytes(), Namespace(0), &data).as_str().to_owned();
            Message { hash, namespace: 0, timestamp: now, expiry: now + 86_400_000, stored: now, data }
        })
        .collect();
    let node = net.network.node(entry).unwrap();
    node.store
        .run(move |db| all.iter().try_for_each(|message| messages::insert(db, &who, message).map(drop)))
        .await
        .unwrap();
    let start = Instant::now();
    net.network.start_node(late).await.unwrap();
    let node = net.network.node(late).unwrap();
    while node.store.run(messages::count).await.unwrap() < i64::try_from(MISSED).unwrap() {
        // Twice as many in 5 s is the goal of an optimised build.
        assert!(start.elapsed() < Duration::from_secs(30));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{MISSED} messages in {:?}", start.elapsed());
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_differ_without_knowing_are_made_equal_by_comparing() {
    let mut net = Net::start().await;
    let account = account(5);
    let (members, _) = net.swarm_of(&account);
    let (entry, other) = (members[0], members[1]);
    let first = stored(&net, entry, &account, b"first").await;
    let second = stored(&net, entry, &account, b"second").await;
    net.until_hashes(other, &account, 0, &[first.clone(), second.clone()]).await;
    // A disk loses a row behind everybody's back: no cursor shows it, only the digests do.
    let (node, lost) = (net.network.node(other).unwrap(), first.clone());
    node.store.run(move |db| db.execute("DELETE FROM messages WHERE hash = ?1", [lost])).await.unwrap();
    net.network.stop_node(other).await.unwrap();
    net.network.start_node(other).await.unwrap();
    net.until_hashes(other, &account, 0, &[second, first]).await;
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_other_swarms_are_told_nothing() {
    let net = Net::start().await;
    let account = account(6);
    let (members, others) = net.swarm_of(&account);
    stored(&net, members[0], &account, b"for the swarm").await;
    let (holder, stranger) = (net.network.node(members[0]).unwrap(), net.network.node(others[0]).unwrap());
    let list = net.network.registry.list();
    let before = stranger.store.run(messages::count).await.unwrap();
    zwiebel_node::probe::test(stranger, list.find(&holder.ed25519()).unwrap()).await;
    assert_eq!(stranger.reports.failures(&holder.ed25519()), 0);
    assert_eq!(stranger.store.run(messages::count).await.unwrap(), before);
    // Not listed: the door stays shut, whatever is asked.
    let url = format!("https://{}:{}/sn/v1", "127.0.0.1", list.find(&holder.ed25519()).unwrap().port);
    let answer = net.http.post(url).body(vec![1; 200]).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (403, "refused".to_owned()));
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_does_not_hold_what_it_must_fails_its_test_and_repairs_itself() {
    let net = Net::start().await;
    let account = account(7);
    let (members, _) = net.swarm_of(&account);
    let (tester, tested) = (net.network.node(members[0]).unwrap(), net.network.node(members[1]).unwrap());
    stored(&net, members[0], &account, b"held").await;
    // Old enough to be asked about.
    net.network.move_clock(3_600_000).await;
    let list = net.network.registry.list();
    let listed = list.find(&tested.ed25519()).unwrap();
    let failures = || tester.reports.failures(&tested.ed25519());
    zwiebel_node::probe::test(tester, listed).await;
    assert_eq!(failures(), 0);
    // Pulls of the start may still be on their way and repair it before the test: then it is lost again.
    let start = Instant::now();
    while failures() == 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
        tested.store.run(|db| db.execute("DELETE FROM messages", [])).await.unwrap();
        zwiebel_node::probe::test(tester, listed).await;
    }
    // A failed test makes it look for what it lacks.
    let start = Instant::now();
    while tested.store.run(messages::count).await.unwrap() == 0 {
        assert!(start.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    net.network.shut_down().await;
}
