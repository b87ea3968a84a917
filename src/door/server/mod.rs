//! The door that real clients use: HTTP/1.1 on a loopback port, served by hyper on the background runtime.

mod chunks;
mod header_case;
mod judge;
mod requests;
mod respond;
mod socket;

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpStream as StdStream},
    sync::{Arc, atomic::Ordering::Relaxed, mpsc},
    time::Duration,
};

use hyper::{
    server::conn::http1::{self, Parts},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

use judge::MAX_HEADERS;
use requests::End;
use respond::Served;
use socket::Socket;

use super::background::{Worker, worker};
use crate::exchange::{Core, receive::READ_BUFFER};

/// Connections that the system accepts before the fake does.
const BACKLOG: u32 = 1024;

/// How long closing the port may take: as long as the threads of the fakes need to be scheduled.
const CLOSING: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A port. Dropping it closes the port at once and every connection with it.
pub struct Server {
    core: Arc<Core>,
    address: SocketAddr,
    listening: Mutex<Option<Listening>>,
}

/// What accepts connections at the moment.
#[derive(Debug)]
struct Listening {
    stop: oneshot::Sender<()>,
    stopped: mpsc::Receiver<()>,
}

impl Server {
    /// Opens a port and serves `core` on it.
    ///
    /// # Errors
    /// What binding the address gives.
    pub fn start(core: Arc<Core>, address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address)?;
        let address = socket.local_addr()?;
        let listening = Listening::start(core.clone(), socket)?;
        Ok(Self { core, address, listening: Mutex::new(Some(listening)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection, and keeps the port from others. Returns what it takes to open the port again.
    ///
    /// # Errors
    /// What binding the address again gives.
    pub fn close(&self) -> io::Result<Closed> {
        let listening = self.listening.lock().take();
        let listening =
            listening.ok_or_else(|| io::Error::new(ErrorKind::NotConnected, "the port is closed already"))?;
        self.core.out.store(true, Relaxed);
        listening.stop();
        // A socket that is bound and does not listen keeps the port, and the system refuses connections to it.
        let socket = bind(self.address)?;
        #[cfg(unix)]
        socket.set_reuseaddr(false)?;
        Ok(Closed(socket))
    }

    /// Opens the port again.
    ///
    /// # Errors
    /// What listening on the port gives.
    pub fn open(&self, Closed(socket): Closed) -> io::Result<()> {
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        self.core.out.store(false, Relaxed);
        *self.listening.lock() = Some(Listening::start(self.core.clone(), socket)?);
        Ok(())
    }
}

/// A port that is kept without anybody listening on it.
#[derive(Debug)]
pub struct Closed(TcpSocket);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get_mut().take() {
            listening.stop();
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // The port is free again although the system still remembers connections of it; on Windows the option means another thing.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Listening {
    fn start(core: Arc<Core>, socket: TcpSocket) -> io::Result<Self> {
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = mpsc::channel();
        let worker = worker();
        let _entered = worker.enter();
        let listener = socket.listen(BACKLOG)?;
        worker.spawn(async move {
            accept(core, listener, stopping).await;
            let _ = done.send(());
        });
        Ok(Self { stop, stopped })
    }

    /// Closes the port and every connection.
    fn stop(self) {
        if self.stop.send(()).is_ok() {
            // The port is closed when this returns. Only a fake dropped on the background runtime itself could wait in
            // vain, hence the limit.
            let _ = self.stopped.recv_timeout(CLOSING);
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
    let (mut socket, link) = Socket::new(stream);
    let served = Served { core: core.clone(), worker, spelling: header_case::spelling(core.dialect).await, link };
    let mut service = service_fn(|request| served.respond(request));
    let mut http = http1::Builder::new();
    http.half_close(true).max_buf_size(READ_BUFFER);
    let ended = loop {
        let mut serving = http.serve_connection(TokioIo::new(socket), service);
        let ended = (&mut serving).await;
        let Parts { io, service: same, .. } = serving.into_parts();
        (socket, service) = (io.into_inner(), same);
        if ended.is_err() || !matches!(socket.end(), Some(End::Crowded)) {
            break ended;
        }
        // Room for so many headers is set aside for each request, which costs a sixth of a small exchange: only
        // connections that need it have it.
        http.max_headers(MAX_HEADERS);
        socket.go_on_with_room();
    };
    match socket.end() {
        Some(End::Refused(unreadable)) if ended.is_ok() => {
            let response = served.refuse((**unreadable).clone());
            if socket.send(&response).await.is_err() {
                return;
            }
        }
        Some(End::Incomplete(why)) => core.arrive_malformed((*why).to_owned()),
        _ if ended.is_err() => return,
        _ => {}
    }
    Box::pin(async {
        socket.linger(worker).await;
        if let Some(number) = socket.unread().await {
            core.note_undelivered(number);
        }
    })
    .await;
}
