//! What the sessions of a server share.

use super::error::unusable;
use super::identity::{Identity, trust};
use super::layer::TlsLayer;
use crate::Error;
use rustls::server::{ResolvesServerCertUsingSni, UnbufferedServerConnection, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{KeyLogFile, RootCertStore, ServerConfig};
use std::fmt;
use std::sync::{Arc, RwLock};

/// What the sessions of a server share. Clones are the same server, also on other threads.
#[derive(Clone)]
pub struct ServerTls {
    plan: Arc<Plan>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

/// What a reload keeps.
#[derive(Default)]
struct Plan {
    names: Vec<(String, Identity)>,
    clients: Option<Clients>,
    protocols: Vec<Vec<u8>>,
    key_log: bool,
}

/// Whose certificates a server takes.
struct Clients {
    roots: RootCertStore,
    required: bool,
}

impl ServerTls {
    /// Begins one that shows this identity to everybody.
    pub fn builder(identity: Identity) -> ServerTlsBuilder {
        ServerTlsBuilder { identity, plan: Plan::default() }
    }

    /// A configuration of the program's own.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self { plan: Arc::default(), config: Arc::new(RwLock::new(config)) }
    }

    /// Shows another identity from the next session on, with all else as it was built. Sessions that run are not touched; none of
    /// before is resumed.
    ///
    /// # Errors
    /// Where the key does not fit the certificate; the old identity stays.
    pub fn reload(&self, identity: Identity) -> Result<(), Error> {
        let fresh = Arc::new(self.plan.config(identity)?);
        *self.config.write().unwrap_or_else(|e| e.into_inner()) = fresh;
        Ok(())
    }

    /// One session.
    ///
    /// # Errors
    /// Where the configuration of the program's own cannot be used.
    pub fn layer(&self) -> Result<TlsLayer, Error> {
        let config = self.config.read().unwrap_or_else(|e| e.into_inner()).clone();
        let connection = UnbufferedServerConnection::new(config).map_err(unusable)?;
        Ok(TlsLayer::server(connection))
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// Makes a [`ServerTls`].
#[must_use]
pub struct ServerTlsBuilder {
    identity: Identity,
    plan: Plan,
}

impl ServerTlsBuilder {
    /// Shows another identity to those who ask for this name (SNI).
    pub fn name(mut self, name: &str, identity: Identity) -> Self {
        self.plan.names.push((name.to_owned(), identity));
        self
    }

    /// Asks clients for certificates of the authorities of a PEM text; `required`: refuses those without.
    ///
    /// # Errors
    /// Where the text holds no authority, or one that cannot be used.
    pub fn client_roots_pem(mut self, pem: impl AsRef<[u8]>, required: bool) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        trust(&mut roots, pem.as_ref())?;
        self.plan.clients = Some(Clients { roots, required });
        Ok(self)
    }

    /// Takes protocols (ALPN), most wanted first. A client that offers others only is refused.
    pub fn protocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.plan.protocols = names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Writes the secrets of each session to the file that `SSLKEYLOGFILE` names, for those who debug.
    pub fn key_log(mut self) -> Self {
        self.plan.key_log = true;
        self
    }

    /// The server.
    ///
    /// # Errors
    /// Where a key does not fit its certificate, or a certificate its name.
    pub fn build(self) -> Result<ServerTls, Error> {
        let config = self.plan.config(self.identity)?;
        Ok(ServerTls { plan: Arc::new(self.plan), config: Arc::new(RwLock::new(Arc::new(config))) })
    }
}

impl fmt::Debug for ServerTlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTlsBuilder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Plan {
    fn config(&self, identity: Identity) -> Result<ServerConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let config = match &self.clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::new(clients.roots.clone());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
                let verifier = if clients.required { verifier } else { verifier.allow_unauthenticated() };
                config.with_client_cert_verifier(verifier.build().map_err(unusable)?)
            }
        };
        let mut config = if self.names.is_empty() {
            config.with_single_cert(identity.chain, identity.key).map_err(unusable)?
        } else {
            let certified =
                |identity: Identity| CertifiedKey::from_der(identity.chain, identity.key, &provider).map_err(unusable);
            let mut by_name = ResolvesServerCertUsingSni::new();
            for (name, identity) in &self.names {
                by_name.add(name, certified(identity.clone())?).map_err(unusable)?;
            }
            let usual = Arc::new(certified(identity)?);
            config.with_cert_resolver(Arc::new(ByName { by_name, usual }))
        };
        config.alpn_protocols.clone_from(&self.protocols);
        if let Ok(ticketer) = rustls::crypto::ring::Ticketer::new() {
            config.ticketer = ticketer;
        }
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config)
    }
}

/// Identities by name, and one for all other names.
#[derive(Debug)]
struct ByName {
    by_name: ResolvesServerCertUsingSni,
    usual: Arc<CertifiedKey>,
}

impl rustls::server::ResolvesServerCert for ByName {
    fn resolve(&self, hello: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.by_name.resolve(hello).or_else(|| Some(self.usual.clone()))
    }
}
