//! URIs (RFC 3986) and query strings.
