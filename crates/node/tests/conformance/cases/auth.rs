//! Who may do what: every call with every kind of account and key (service-nodes 3.1, 3.2, 3.3).

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::ANY_PREFIX;
use crate::signer::DELETE;
use crate::signer::READ;
use crate::signer::Signer;
use crate::signer::WRITE;

/// A signed call.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    /// The word in `<call> signature verification failed`.
    said: &'static str,
    /// Flags that a subaccount needs; none: no subaccount may.
    flags: Option<u8>,
    params: fn(&Signer, i64) -> Value,
    /// How a wrong time is refused: how far off, status, text.
    time: Option<(i64, u16, &'static str)>,
}

fn one() -> Vec<String> {
    vec!["A".repeat(43)]
}

const CALLS: [Call; 11] = [
    Call {
        name: "store",
        said: "store",
        flags: Some(WRITE),
        params: |who, now| who.store(5, b"x", now, 86_400_000),
        time: Some((-61_000, 406, "store signature timestamp too far from current time")),
    },
    Call {
        name: "retrieve",
        said: "retrieve",
        flags: Some(READ),
        params: |who, now| who.retrieve(5, now),
        time: Some((-61_000, 406, "retrieve timestamp too far from current time")),
    },
    Call { name: "delete", said: "delete_msgs", flags: Some(DELETE), params: |who, _| who.delete(&one()), time: None },
    Call {
        name: "delete_all",
        said: "delete_all",
        flags: Some(DELETE),
        params: |who, now| who.delete_all(&json!("all"), now),
        time: Some((-61_000, 406, "delete_all timestamp too far from current time")),
    },
    Call {
        name: "delete_before",
        said: "delete_before",
        flags: Some(DELETE),
        params: |who, now| who.delete_before(&json!(0), now),
        time: Some((62_000, 401, "delete_before timestamp too far in the future")),
    },
    Call {
        name: "expire",
        said: "expire:",
        flags: Some(WRITE),
        params: |who, now| who.expire(&one(), &[now], ""),
        time: Some((-62_000, 401, "expire: timestamp should be >= current time")),
    },
    Call {
        name: "expire_all",
        said: "expire_all",
        flags: Some(DELETE),
        params: |who, now| who.expire_all(&json!("all"), now),
        time: Some((-62_000, 406, "expire_all timestamp should be >= current time")),
    },
    Call {
        name: "get_expiries",
        said: "get_expiries",
        flags: Some(READ),
        params: |who, now| who.get_expiries(&one(), now),
        time: Some((-61_000, 406, "get_expiries timestamp too far from current time")),
    },
    Call {
        name: "revoke_subaccount",
        said: "revoke_subaccount",
        flags: None,
        params: |who, now| who.revocation("revoke", &[[7; 36]], now),
        time: Some((-61_000, 406, "revoke_subaccount timestamp too far from current time")),
    },
    Call {
        name: "unrevoke_subaccount",
        said: "unrevoke_subaccount",
        flags: None,
        params: |who, now| who.revocation("unrevoke", &[[7; 36]], now),
        time: Some((61_000, 406, "unrevoke_subaccount timestamp too far from current time")),
    },
    Call {
        name: "revoked_subaccounts",
        said: "revoked_subaccounts",
        flags: None,
        params: |who, now| who.revoked(now),
        time: Some((61_000, 406, "revoked_subaccounts timestamp too far from current time")),
    },
];

impl Call {
    async fn accepted(self, client: &Client, who: &Signer) {
        client.ask(self.name, (self.params)(who, client.now())).await.good();
    }

    async fn refused(self, client: &Client, who: &Signer) {
        let text = format!("{} signature verification failed", self.said);
        client.ask(self.name, (self.params)(who, client.now())).await.refused(401, &text);
    }
}

fn of_call(call: Call) -> Vec<Case> {
    let named = |rule: &str| format!("auth/{}: {rule}", call.name);
    let mut cases = vec![
        case(named("05 account with its Ed25519 key"), move |c: Client| async move {
            call.accepted(&c, &Signer::session()).await;
        }),
        case(named("05 account that is an Ed25519 key"), move |c: Client| async move {
            call.accepted(&c, &Signer::raw(5)).await;
        }),
        case(named("group"), move |c: Client| async move { call.accepted(&c, &Signer::group()).await }),
        case(
            named("account of another prefix"),
            move |c: Client| async move { call.accepted(&c, &Signer::raw(2)).await },
        ),
        case(named("another key signed"), move |c: Client| async move {
            call.refused(&c, &Signer::session().forged()).await;
            call.refused(&c, &Signer::group().forged()).await;
        }),
        case(named("Ed25519 key of another account"), move |c: Client| async move {
            call.refused(&c, &Signer::session().with_foreign_key()).await;
        }),
        case(named("wrong swarm is told the right one"), move |c: Client| async move {
            let who = Signer::session();
            let (members, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            let reply = c.call(stranger, call.name, (call.params)(&who, c.now())).await;
            assert_eq!((reply.status, reply.body["snodes"].as_array().unwrap().len()), (421, members.len()));
        }),
    ];
    if let Some((off, status, text)) = call.time {
        cases.push(case(named("time too far off"), move |c: Client| async move {
            c.ask(call.name, (call.params)(&Signer::session(), c.now() + off)).await.refused(status, text);
        }));
    }
    cases.push(match call.flags {
        None => case(named("no subaccount may"), move |c: Client| async move {
            call.refused(&c, &Signer::group().subaccount(READ | WRITE | DELETE)).await;
        }),
        Some(flags) => case(named("subaccount with just the right flags"), move |c: Client| async move {
            call.accepted(&c, &Signer::group().subaccount(flags)).await;
            call.accepted(&c, &Signer::session().subaccount(flags)).await;
        }),
    });
    if let Some(flags) = call.flags {
        cases.push(case(named("subaccount without the right flags"), move |c: Client| async move {
            call.refused(&c, &Signer::group().subaccount((READ | WRITE | DELETE) & !flags)).await;
        }));
        cases.push(case(named("revoked subaccount"), move |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ | WRITE | DELETE);
            call.accepted(&c, &member).await;
            c.ask("revoke_subaccount", group.revocation("revoke", &[member.token()], c.now())).await.good();
            call.refused(&c, &member).await;
        }));
    }
    cases
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = CALLS.into_iter().flat_map(of_call).collect();
    let [store, retrieve, ..] = CALLS;
    cases.extend([
        case("auth/token of another prefix", move |c: Client| async move {
            retrieve.refused(&c, &Signer::group().subaccount_with(0x99, READ, [0, 0])).await;
        }),
        case("auth/token of another prefix with the flag for it", move |c: Client| async move {
            retrieve.accepted(&c, &Signer::group().subaccount_with(0x99, READ | ANY_PREFIX, [0, 0])).await;
        }),
        case("auth/token with reserved bytes set", move |c: Client| async move {
            retrieve.refused(&c, &Signer::group().subaccount_with(3, READ, [0, 1])).await;
        }),
        case("auth/token signed by another account", move |c: Client| async move {
            let mut stray = Signer::group().subaccount(READ);
            stray.pubkey = Signer::group().pubkey;
            retrieve.refused(&c, &stray).await;
        }),
        case("auth/token given but signed by somebody else", move |c: Client| async move {
            store.refused(&c, &Signer::group().subaccount(WRITE).forged()).await;
        }),
        case("auth/token as hex", move |c: Client| async move {
            let who = Signer::group().subaccount(READ);
            let mut params = who.retrieve(5, c.now());
            params["subaccount"] = hex::encode(who.token()).into();
            c.ask("retrieve", params).await.good();
        }),
        case("auth/signature without padding", move |c: Client| async move {
            let mut params = Signer::session().retrieve(0, c.now());
            let bare = params["signature"].as_str().unwrap().trim_end_matches('=').to_owned();
            params["signature"] = bare.into();
            c.ask("retrieve", params).await.good();
        }),
        case("auth/account in capital letters", move |c: Client| async move {
            let who = Signer::session();
            let mut params = who.retrieve(0, c.now());
            params["pubkey"] = who.pubkey.to_uppercase().into();
            c.ask("retrieve", params).await.good();
        }),
        case("auth/times within a minute count", move |c: Client| async move {
            for off in [-55_000, 55_000] {
                c.ask("retrieve", Signer::session().retrieve(0, c.now() + off)).await.good();
            }
        }),
    ]);
    cases
}
