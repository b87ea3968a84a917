//! The door that real clients use: HTTP/1.1 on a loopback port, served by hyper on the background runtime.

mod head_timer;
mod header_case;
mod respond;
mod unreadable;

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream},
    sync::{Arc, mpsc},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    server::conn::http1::{self, Parts},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

use head_timer::HeadTimer;
use respond::{Resettable, Served};
use unreadable::{Bare, Unreadable};

use super::background::{Worker, timers, within, worker};
use crate::exchange::{Core, receive::READ_BUFFER};

/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long a client may take to send the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(30);

/// How long what is still sent is read after a connection's last reply. nginx does so for as long between two reads, as
/// `lingering_timeout`.
const LINGER: Duration = Duration::from_secs(5);

/// Headers a request may have. The providers limit the bytes of metadata, not the number of headers; hyper by itself would
/// refuse more than 100.
const MAX_HEADERS: usize = 1000;

/// An open port. Dropping it closes the port at once and every connection with it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    stopped: Mutex<mpsc::Receiver<()>>,
}

impl Server {
    /// Opens a port and serves `core` on it.
    ///
    /// # Errors
    /// What binding the address gives.
    pub fn start(core: Arc<Core>, address: SocketAddr) -> io::Result<Self> {
        let listener = StdListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = mpsc::channel();
        let worker = worker();
        let _entered = worker.enter();
        let listener = TcpListener::from_std(listener)?;
        worker.spawn(async move {
            accept(core, listener, stopping).await;
            let _ = done.send(());
        });
        Ok(Self { address, stop: Some(stop), stopped: Mutex::new(stopped) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        if stop.send(()).is_ok() {
            // The port is closed when this returns. Only a fake dropped on the background runtime itself could wait in
            // vain, hence the limit.
            let _ = self.stopped.get_mut().recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Accepts connections until it is told to stop; then drops the listener and every connection.
async fn accept(core: Arc<Core>, listener: TcpListener, mut stopping: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopping => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        let Ok(stream) = stream.into_std() else { continue };
                        let worker = worker();
                        connections.spawn_on(connection(core.clone(), stream, worker), worker);
                    }
                    // A connection that is gone already is nobody's concern. Anything else, such as no file descriptor
                    // being left, lasts: without a pause it would be met again at once.
                    Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Serves a connection on `worker`, for as long as it lasts.
async fn connection(core: Arc<Core>, stream: StdStream, worker: Worker) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let _ = stream.set_nodelay(true);
    let (io, link) = Resettable::new(stream);
    let served = Served { core: core.clone(), worker, spelling: header_case::spelling(core.dialect).await, link };
    let service = service_fn(|request| served.respond(request));
    let mut http = http1::Builder::new();
    let timer = {
        let _entered = timers().enter();
        HeadTimer::new(HEAD_LIMIT)
    };
    http.half_close(true).timer(timer).header_read_timeout(HEAD_LIMIT).max_buf_size(READ_BUFFER);
    let mut serving = http.serve_connection(TokioIo::new(io), service);
    let Err(error) = (&mut serving).await else { return };
    let Parts { io, read_buf, service, .. } = serving.into_parts();
    let mut end = Ended { error, io: io.into_inner(), left: read_buf };
    if end.is_crowded() {
        // Room for so many headers is set aside for each request, which costs a sixth of a small exchange: only
        // connections that need it have it.
        let io = TokioIo::new(end.io.once_more(end.left));
        let mut serving = http.max_headers(MAX_HEADERS).serve_connection(io, service);
        let Err(error) = (&mut serving).await else { return };
        let Parts { io, read_buf, .. } = serving.into_parts();
        end = Ended { error, io: io.into_inner(), left: read_buf };
    }
    let Ended { error, io, .. } = &end;
    if let Some(bare) = io.refused() {
        Box::pin(tell(&served, bare, end)).await;
    } else if !served.link.in_exchange() && (error.is_parse() || error.is_incomplete_message()) {
        core.arrive_malformed(error.to_string());
    }
}

/// How hyper gave a connection up.
struct Ended {
    error: hyper::Error,
    io: Resettable,
    /// What was read and not understood.
    left: Bytes,
}

impl Ended {
    /// Whether hyper had no room for the headers of a request.
    fn is_crowded(&self) -> bool {
        self.io.refused() == Some(Bare::HeadTooLarge) && self.io.taken(&self.left).is_none()
    }
}

/// Tells in the provider's words what hyper has refused in its own, which were withheld, and ends the connection.
async fn tell(served: &Served, bare: Bare, mut end: Ended) {
    let why = end.error.to_string();
    let unreadable = end.io.taken(&end.left).unwrap_or_else(|| Unreadable::left(&end.left, bare));
    let reply = served.refuse(unreadable, &why);
    let stream = end.io.stream();
    let told = async {
        stream.write_all(&reply).await?;
        stream.shutdown().await?;
        // A connection that is closed with something unread is reset under a client that has yet to read why.
        copy(stream, &mut sink()).await
    };
    within(served.worker, LINGER, told).await;
}
