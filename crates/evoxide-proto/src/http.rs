//! HTTP/1.1 (RFC 9110 and 9112).
