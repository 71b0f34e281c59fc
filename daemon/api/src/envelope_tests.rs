//! Lines that are requests and lines that are not.
use super::*;
use crate::contact::Shelf;

fn fault(line: &str) -> (String, ErrorKind) {
    let request = RpcRequest::parse(line.as_bytes());
    let kind = request.call.expect_err("no request").kind;
    (request.id.map_or_else(String::new, |id| id.0.get().to_owned()), kind)
}

#[test]
fn a_request_is_understood() {
    let line = br#"{"jsonrpc":"2.0","id":"a1","method":"contact.find","params":{"query":"ada","limit":5}}"#;
    let request = RpcRequest::parse(line);
    assert_eq!(request.id.expect("an id").0.get(), "\"a1\"");
    let Ok(Call::Find(find)) = request.call else { panic!("a find") };
    assert_eq!((find.query.as_str(), find.limit, find.shelf), ("ada", Some(5), Shelf::Active));
}

#[test]
fn parameters_may_be_left_out_and_ids_too() {
    let request = RpcRequest::parse(br#"{"jsonrpc":"2.0","method":"box.info"}"#);
    assert!(request.id.is_none());
    assert!(matches!(request.call, Ok(Call::Info(_))));
}

#[test]
fn what_is_no_request_is_said_with_its_id() {
    assert_eq!(fault("{"), ("null".into(), ErrorKind::ParseError));
    assert_eq!(fault("\u{0}\u{1}garbage"), ("null".into(), ErrorKind::ParseError));
    assert_eq!(fault("[]"), ("null".into(), ErrorKind::InvalidRequest));
    assert_eq!(fault(r#"{"id":7}"#), ("7".into(), ErrorKind::InvalidRequest));
    assert_eq!(
        fault(r#"{"jsonrpc":"1.0","id":7,"method":"box.info"}"#),
        ("7".into(), ErrorKind::InvalidRequest)
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":{},"method":"box.info"}"#),
        ("null".into(), ErrorKind::InvalidRequest)
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":7,"method":"box.frobnicate"}"#),
        ("7".into(), ErrorKind::NoSuchMethod)
    );
    assert_eq!(
        fault(
            r#"{"jsonrpc":"2.0","id":7,"method":"contact.find","params":{"query":"a","lmit":3}}"#
        ),
        ("7".into(), ErrorKind::InvalidParams)
    );
    assert_eq!(
        fault(r#"{"jsonrpc":"2.0","id":7,"method":"box.info","params":[]}"#),
        ("7".into(), ErrorKind::InvalidParams)
    );
}

#[test]
fn invalid_utf8_and_deep_nesting_are_refused() {
    let request = RpcRequest::parse(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xFF\"}");
    assert!(request.call.is_err());
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"contact.put","params":{{"jcard":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    // It is well formed, and so it is read only where it is wanted.
    let Ok(Call::Put(put)) = RpcRequest::parse(deep.as_bytes()).call else { panic!("a put") };
    let card = put.jcard.expect("a card");
    assert!(card.read::<serde_json::Value>("card").is_err());
}

#[test]
fn replies_are_one_line() {
    let id = Id::of(&RawValue::from_string("7".into()).expect("JSON")).expect("a number");
    let line = reply(&id, &Ok(b"{}".to_vec()));
    assert_eq!(line, b"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n");
    let full = ApiError::new(ErrorKind::Full, "a\nb").with(|data| data.live_bytes = Some(3));
    let line = reply(&id, &Err(full));
    let text = String::from_utf8(line).expect("UTF-8");
    assert_eq!(text.matches('\n').count(), 1);
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["error"]["code"], -32004);
    assert_eq!(json["error"]["data"]["kind"], "Full");
    assert_eq!(json["error"]["data"]["live_bytes"], 3);
}
