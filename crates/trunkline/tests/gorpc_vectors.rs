//! Conversations recorded from gorpc, replayed against our client and our server, and compared as decoded messages.
//!
//! The application is the recorded one: a handler answers each id as the recorded handler did, and what was asked is what
//! our client asks. Everything between that and the bytes is ours. Where a recording pins a flaw of the original, a rule
//! says what ours does instead and names the defect.

#[path = "gorpc_vectors/recording.rs"]
mod recording;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use recording::{Line, Reader, id_of, load, tree};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use trunkline::bytes::Bytes;
use trunkline::gob::{Limits, Raw};
use trunkline::wire::gorpc::{ANY, Gorpc};
use trunkline::wire::{Decoded, Dialect, Input, Message};
use trunkline::{Client, Code, ErrorKind, Fault, Request, Router, Server, Side};

/// How long anything may take that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The names of the two structs of the Dispatcher.
const DISPATCHED: [&str; 2] = ["*gorpc.dispatcherRequest", "*gorpc.dispatcherResponse"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations() {
    let file = "gorpc_conversations.json";
    let Some(conversations) = load(file) else { return println!("vectors: {file} not in the chosen folder") };
    let mut failed = Vec::new();
    for conversation in &conversations {
        let name = conversation["name"].as_str().unwrap_or("(no name)");
        let replayed = AssertUnwindSafe(replay(conversation)).catch_unwind().await;
        if replayed.is_err() {
            failed.push(format!("{name}, compressed: {}", conversation["compressed"]));
        }
    }
    let run = conversations.len();
    println!("vectors: {file} {run} run, {} passed", run - failed.len());
    assert!(failed.is_empty(), "failed: {failed:#?}");
    assert!(run > 0, "{file} holds no conversations");
}

/// Both sides of each connection, except the side that was not gorpc in the recording.
async fn replay(conversation: &Json) {
    let name = conversation["name"].as_str().unwrap_or_default();
    let (raw, fake_server) = (name.starts_with("raw_"), name.starts_with("raw_reply_"));
    for line in Line::all(conversation) {
        if !fake_server {
            our_server(&line).await;
        }
        if !raw || fake_server {
            our_client(&line).await;
        }
    }
}

/// What our dialect hears in the bytes of one side.
fn hear(line: &Line, by_client: bool) -> Vec<Message> {
    let side = if by_client { Side::Accepting } else { Side::Dialling };
    let mut codec = Gorpc::new().compress(line.compressed || by_client).start(side, &Default::default());
    let layer = codec.layer.as_mut().expect("gorpc has a layer");
    let (bytes, mut plain) = (line.bytes(by_client), Vec::new());
    let mut wrapped = &bytes[..];
    loop {
        let before = (wrapped.len(), plain.len());
        layer.unwrap(&mut wrapped, &mut plain, 64 << 10).expect("sound");
        if (wrapped.len(), plain.len()) == before {
            break;
        }
    }
    let (mut input, mut heard) = (Input::new(plain), Vec::new());
    while let Decoded::Message(message) = codec.decoder.decode(&mut input).expect("sound") {
        heard.push(message);
    }
    heard
}

// ---- our server ---------------------------------------------------------------------------------------------------

/// Answers as the recorded handler did; what was never answered is echoed, as its call must not be lost.
type Answers = Arc<HashMap<u64, Message>>;

async fn answer(answers: Answers, request: Request) -> Result<Bytes, Fault> {
    let Some(id) = request.id() else { return Ok(request.body) };
    match answers.get(&id.0) {
        Some(Message::Reply { body, .. }) => Ok(body.clone()),
        Some(Message::Fault { fault, .. }) if fault.code == Code::Internal => panic!("as recorded"),
        Some(Message::Fault { fault, .. }) => Err(Fault::new(Code::Unknown, fault.message.clone())),
        _ => Ok(request.body),
    }
}

async fn our_server(line: &Line) {
    let answers = hear(line, false).into_iter().filter_map(|message| match &message {
        Message::Reply { id, .. } | Message::Fault { id, .. } => Some((id.0, message)),
        _ => None,
    });
    let answers: Answers = Arc::new(answers.collect());
    // A client that says nothing is not kept for the default of ten seconds here.
    let silent = line.bytes(true).is_empty();
    let server = Server::builder()
        .router(Router::with_state(answers).fallback(answer))
        .configure(move |config| {
            if silent {
                config.slow_message_grace = Duration::from_millis(200);
            }
        })
        .listen("gorpc://127.0.0.1:0")
        .start()
        .await
        .expect("starts");
    let address = server.addresses()[0].to_string();
    let mut socket = TcpStream::connect(address.trim_start_matches("gorpc://")).await.expect("connects");
    for step in line.steps.iter().filter(|step| step.by_client) {
        socket.write_all(&step.bytes).await.expect("writes");
        if step.half_close {
            socket.shutdown().await.expect("shuts down");
        }
    }
    let expected = line.asked.iter().filter(|asked| id_of(asked) != 0).count();
    let mut reader = Reader::new(line.compressed);
    let mut said = Vec::new();
    let mut block = vec![0; 64 << 10];
    while said.len() < expected || line.garbage || silent {
        let n = timeout(PATIENCE, socket.read(&mut block)).await.expect("an answer").unwrap_or(0);
        if n == 0 {
            break;
        }
        said.extend(reader.read(&block[..n]));
    }
    assert_eq!(said.len(), expected, "every call has one answer, and nothing else is said: {said:#?}");
    for asked in line.asked.iter().filter(|asked| id_of(asked) != 0) {
        let ours = said.iter().find(|ours| id_of(ours) == id_of(asked));
        compare_answer(ours.expect("an answer to each id"), line.answer(id_of(asked)), asked);
    }
}

fn compare_answer(ours: &Json, recorded: Option<&Json>, asked: &Json) {
    match recorded {
        // Defects 10 and 11: a panic is the call's failure, and its stack is nobody else's business.
        Some(recorded) if recorded["Error"] != Json::Null => {
            let text = recording::hex(ours["Error"]["string"].as_str().expect("an error"));
            let text = String::from_utf8(text).expect("text");
            assert!(!text.contains("Stack trace") && !text.is_empty(), "{text}");
            assert_eq!(ours["Response"], Json::Null);
        }
        Some(recorded) => assert_eq!(ours, recorded),
        // Defects 13, 14 and 35: a value that one side does not know, and the end of the client's bytes, cost no answer.
        None => {
            let (request, response) = (value(&asked["Request"]), value(&ours["Response"]));
            assert_eq!(response, request, "echoed");
            assert_eq!(ours["Error"], Json::Null);
        }
    }
}

/// The value of a call or answer, out of the Dispatcher's struct if it is in one.
fn value(envelope: &Json) -> &Json {
    let dispatched = DISPATCHED.iter().any(|name| envelope["name"] == *name);
    if !dispatched {
        return envelope;
    }
    let inside = &envelope["value"];
    inside.get("Request").or_else(|| inside.get("Response")).unwrap_or(&Json::Null)
}

// ---- our client ---------------------------------------------------------------------------------------------------

async fn our_client(line: &Line) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("bound");
    let url = format!("gorpc://{address}?compress={}", u8::from(line.compressed));
    let client = Client::builder().connect_timeout(PATIENCE).connect(url).await.expect("connects");
    let (mut socket, _) = listener.accept().await.expect("accepts");
    let peer = client.peer().expect("connected");
    let mut calls = Vec::new();
    for message in hear(line, true) {
        match message {
            Message::Request { id, route, body, .. } => {
                calls.push((id.0, peer.call::<Bytes>(route, body).start()));
            }
            Message::Notify { route, body, .. } => peer.notify(route, body).await.expect("sent"),
            other => panic!("a client said {other:?}"),
        }
    }
    let said = listen(&mut socket, line).await;
    assert_eq!(said, line.asked, "what our client said");
    socket.write_all(&line.bytes(false)).await.expect("writes");
    if line.server_closes() {
        drop(socket);
    }
    for (id, call) in calls {
        let ended = timeout(PATIENCE, call).await.expect("every call ends");
        let Some(recorded) = line.answer(id) else {
            let error = ended.expect_err("nobody answered");
            assert!(matches!(error.kind(), ErrorKind::Closed(_)), "{error}");
            continue;
        };
        compare_end(ended, recorded);
    }
}

/// Reads the handshake byte and as many messages as were recorded.
async fn listen(socket: &mut TcpStream, line: &Line) -> Vec<Json> {
    let mut byte = [0];
    timeout(PATIENCE, socket.read_exact(&mut byte)).await.expect("the handshake").expect("the handshake");
    assert_eq!(byte[0] != 0, line.compressed, "the handshake byte");
    let (mut reader, mut said, mut block) = (Reader::new(line.compressed), Vec::new(), vec![0; 64 << 10]);
    while said.len() < line.asked.len() {
        let n = timeout(PATIENCE, socket.read(&mut block)).await.expect("a message").expect("reads");
        assert!(n > 0, "the client closed after {} messages", said.len());
        said.extend(reader.read(&block[..n]));
    }
    said
}

fn compare_end(ended: Result<Bytes, trunkline::Error>, recorded: &Json) {
    let dispatched = &recorded["Response"]["value"]["Error"];
    let inner = if recorded["Response"]["name"] == DISPATCHED[1] { dispatched } else { &Json::Null };
    let texts = [&recorded["Error"], inner].map(|error| error["string"].as_str().unwrap_or_default());
    match (ended, texts.concat()) {
        (Ok(body), error) if error.is_empty() => {
            let ours = match body.is_empty() {
                true => Json::Null,
                false => {
                    tree(&Raw::from_bytes(&body, Limits::default()).expect("gob").to_value().expect("a tree"))
                }
            };
            let recorded = value(&recorded["Response"]);
            assert_eq!(&ours, recorded, "what the call returned");
        }
        (Err(error), text) => {
            let ErrorKind::Fault(fault) = error.kind() else { panic!("{error}") };
            assert_eq!(fault.message.as_str().as_bytes(), recording::hex(&text), "the text of the error");
        }
        (Ok(body), text) => panic!("{body:?} in place of the error {text}"),
    }
}

/// Both are part of the public API, and mean what the recordings call a plain request.
#[test]
fn any_is_no_name_of_a_dispatcher_call() {
    assert!(ANY.name().is_some_and(|name| !name.contains('.')));
}
