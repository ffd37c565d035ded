//! What the sessions of a client share.

use super::error::unusable;
use super::identity::{Identity, trust};
use super::layer::TlsLayer;
use crate::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, KeyLogFile, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// What the sessions of a client share: whom it trusts, who it is, and the sessions that it may resume, by name.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Begins one that trusts nobody yet.
    pub fn builder() -> ClientTlsBuilder {
        ClientTlsBuilder { roots: RootCertStore::empty(), identity: None, protocols: Vec::new(), key_log: false }
    }

    /// A configuration of the program's own; what it verifies is its business.
    pub fn from_config(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }

    /// One session, with the server of this name (or address), which its certificate must bear.
    ///
    /// # Errors
    /// Where the name is none.
    pub fn layer(&self, name: &str) -> Result<TlsLayer, Error> {
        let name = ServerName::try_from(name.to_owned()).map_err(unusable)?;
        let connection = UnbufferedClientConnection::new(self.config.clone(), name).map_err(unusable)?;
        Ok(TlsLayer::client(connection))
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

/// Makes a [`ClientTls`].
#[must_use]
pub struct ClientTlsBuilder {
    roots: RootCertStore,
    identity: Option<Identity>,
    protocols: Vec<Vec<u8>>,
    key_log: bool,
}

impl ClientTlsBuilder {
    /// Trusts the system's authorities.
    ///
    /// # Errors
    /// Where none could be read.
    #[cfg(feature = "native-roots")]
    pub fn native_roots(mut self) -> Result<Self, Error> {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = self.roots.add_parsable_certificates(found.certs);
        match found.errors.into_iter().next() {
            Some(error) if added == 0 => Err(unusable(error)),
            None if added == 0 => Err(unusable("no authority found")),
            _ => Ok(self),
        }
    }

    /// Trusts the authorities of a PEM text.
    ///
    /// # Errors
    /// Where it holds none, or one that cannot be used.
    pub fn root_pem(mut self, pem: impl AsRef<[u8]>) -> Result<Self, Error> {
        trust(&mut self.roots, pem.as_ref())?;
        Ok(self)
    }

    /// Who the client is, for servers that ask.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Offers protocols (ALPN), most wanted first.
    pub fn protocols<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.protocols = names.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// Writes the secrets of each session to the file that `SSLKEYLOGFILE` names, for those who debug.
    pub fn key_log(mut self) -> Self {
        self.key_log = true;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// Where it trusts nobody, or its key does not fit its certificate.
    pub fn build(self) -> Result<ClientTls, Error> {
        if self.roots.is_empty() {
            return Err(unusable("no authority is trusted"));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(self.roots);
        let mut config = match self.identity {
            Some(identity) => config.with_client_auth_cert(identity.chain, identity.key).map_err(unusable)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = self.protocols;
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(ClientTls { config: Arc::new(config) })
    }
}

impl fmt::Debug for ClientTlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTlsBuilder").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}
