//! An issuer with the three services in front of it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Mutex;

use openapi_tests::{SERVICES, Service};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::issuer::{Issuer, Kind};
use crate::realm::{Client, People};

/// How long the access tokens of impatient services live.
const SHORT: u32 = 2;

/// What all cases of an issuer share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) services: Vec<Running>,
    /// Clients whose access tokens live for seconds, and who are not told about logouts.
    pub(crate) impatient: Vec<Running>,
    pub(crate) people: People,
    pub(crate) issuer: Issuer,
    expiring: Mutex<Option<Expiring>>,
    runtime: Handle,
}

/// A realm whose login pages are made to run out, for one case at a time.
#[derive(Debug)]
pub(crate) struct Expiring {
    pub(crate) services: Vec<Running>,
    pub(crate) people: People,
    pub(crate) issuer: Issuer,
}

/// A service that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: &'static str,
    /// How browsers reach it: each under a host name of its own, or they would share their cookies.
    pub(crate) url: String,
    pub(crate) audit: PathBuf,
    _service: Service,
    _folder: TempDir,
}

/// A service that is yet to be started, and its place, which nobody else can take.
struct Planned {
    name: &'static str,
    place: TcpListener,
    client: Client,
}

impl World {
    pub(crate) fn new(kind: Kind, runtime: &Handle) -> Self {
        let services: Vec<_> = SERVICES.iter().map(|name| Planned::patient(name)).collect();
        let impatient: Vec<_> = SERVICES.iter().map(|name| Planned::impatient(name)).collect();
        let (issuer, mut running) = started(kind, runtime, services.into_iter().chain(impatient).collect());
        let impatient = running.split_off(SERVICES.len());
        Self {
            services: running,
            impatient,
            people: People::default(),
            issuer,
            expiring: Mutex::default(),
            runtime: runtime.clone(),
        }
    }

    /// Does something in a realm whose login pages may run out.
    pub(crate) fn in_expiring_realm(&self, act: impl FnOnce(&Expiring)) {
        let mut expiring = self.expiring.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let expiring = expiring.get_or_insert_with(|| {
            let services = SERVICES.iter().map(|name| Planned::patient(name)).collect();
            let (issuer, services) = started(self.issuer.kind(), &self.runtime, services);
            Expiring { services, people: People::default(), issuer }
        });
        act(expiring);
    }
}

/// The service of that name.
pub(crate) fn named<'a>(services: &'a [Running], name: &str) -> &'a Running {
    services.iter().find(|service| service.name == name).unwrap()
}

fn started(kind: Kind, runtime: &Handle, planned: Vec<Planned>) -> (Issuer, Vec<Running>) {
    let (clients, places): (Vec<Client>, Vec<_>) =
        planned.into_iter().map(|planned| (planned.client, (planned.name, planned.place))).unzip();
    let issuer = Issuer::start(kind, runtime, &clients);
    let services =
        clients.iter().zip(places).map(|(client, (name, place))| run(name, place, client, &issuer)).collect();
    (issuer, services)
}

fn run(name: &'static str, place: TcpListener, client: &Client, issuer: &Issuer) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let address = place.local_addr().unwrap();
    drop(place);
    let service = Service::start_at(
        address,
        name,
        &[
            ("KEYCLOAK_URL", issuer.base()),
            ("KEYCLOAK_REALM", issuer.realm()),
            ("KEYCLOAK_CLIENT_ID", &client.id),
            ("KEYCLOAK_CLIENT_SECRET", &client.secret()),
            ("PUBLIC_URL", &client.url),
            ("AUDIT_LOG", audit.to_str().unwrap()),
        ],
    );
    Running { name, url: client.url.clone(), audit, _service: service, _folder: folder }
}

impl Planned {
    fn patient(name: &'static str) -> Self {
        let (place, address) = place();
        let client = Client {
            id: name.to_owned(),
            url: url(name, address),
            back_channel: Some(format!("http://{address}/oidc/backchannel-logout")),
            access_seconds: None,
        };
        Self { name, place, client }
    }

    fn impatient(name: &'static str) -> Self {
        let (place, address) = place();
        let url = url(&format!("impatient-{name}"), address);
        let client =
            Client { id: format!("impatient-{name}"), url, back_channel: None, access_seconds: Some(SHORT) };
        Self { name, place, client }
    }
}

fn place() -> (TcpListener, SocketAddr) {
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    (place, address)
}

/// Browsers take every name under `localhost` to be this machine, and each to be another site.
fn url(host: &str, address: SocketAddr) -> String {
    format!("http://{host}.localhost:{}", address.port())
}
