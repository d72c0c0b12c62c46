//! iproto packets over a bare socket, for peers that behave in no way of ours.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use trunkline::bytes::BytesMut;
use trunkline::wire::iproto::{MAX_MESSAGE, Packet};

pub(crate) async fn send(socket: &mut (impl AsyncWrite + Unpin), packet: Packet) {
    let mut bytes = BytesMut::new();
    packet.encode(&mut bytes).expect("a packet");
    socket.write_all(&bytes).await.expect("the peer reads");
}

/// The next packet that is no ping; `None` at the end of the stream.
pub(crate) async fn receive(socket: &mut (impl AsyncRead + Unpin), buffer: &mut BytesMut) -> Option<Packet> {
    timeout(Duration::from_secs(30), async {
        loop {
            match Packet::decode(buffer, MAX_MESSAGE).expect("a packet") {
                Some(Packet { code: 0xff00, .. }) => {}
                Some(packet) => return Some(packet),
                None if socket.read_buf(buffer).await.unwrap_or(0) == 0 => return None,
                None => {}
            }
        }
    })
    .await
    .expect("in time")
}
