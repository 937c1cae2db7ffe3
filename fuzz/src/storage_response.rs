//! Answers of nodes to all calls.

use zwiebel_proto::account::Account;
use zwiebel_proto::storage_rpc::{
    BatchResponse, DeleteResponse, ExpireResponse, ExpiriesResponse, InfoResponse, RetrieveResponse, StoreResponse,
    SwarmResponse, active_nodes,
};

/// One run.
pub fn run(bytes: &[u8]) {
    let id = Account::from_seed16([7; 16]).id();
    let _ = StoreResponse::parse(bytes);
    let _ = RetrieveResponse::parse(bytes);
    let _ = SwarmResponse::parse(bytes);
    let _ = InfoResponse::parse(bytes);
    let _ = ExpiriesResponse::parse(bytes);
    if let Ok(BatchResponse(results)) = BatchResponse::parse(bytes) {
        for (_, body) in results {
            let _ = StoreResponse::from_value(&body);
            let _ = RetrieveResponse::from_value(&body);
            let _ = DeleteResponse::from_value(&body, &id, &[]);
            let _ = ExpireResponse::from_value(&body, &id, &[]);
        }
    }
    if let Ok(nodes) = active_nodes::decode(bytes) {
        assert_eq!(active_nodes::encode(&nodes), bytes);
    }
}
