/*
 * event2/dns.h: evdns, a resolver and a server that do not block.
 *
 * A resolver (evdns_base) asks name servers over UDP, and over TCP where an
 * answer was truncated. Callbacks are called from the loop, each once.
 */
#ifndef EVENT2_DNS_H_INCLUDED_
#define EVENT2_DNS_H_INCLUDED_

#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/util.h>

/* How a look-up ended: 0 to 5 are a server's codes. */
#define DNS_ERR_NONE 0		/**< there is an answer */
#define DNS_ERR_FORMAT 1	/**< the server calls the question malformed */
#define DNS_ERR_SERVERFAILED 2	/**< the server failed */
#define DNS_ERR_NOTEXIST 3	/**< the name does not exist */
#define DNS_ERR_NOTIMPL 4	/**< the server does not know such questions */
#define DNS_ERR_REFUSED 5	/**< the server refuses to answer */
#define DNS_ERR_TRUNCATED 65	/**< the answer was truncated or malformed */
#define DNS_ERR_UNKNOWN 66	/**< another failure */
#define DNS_ERR_TIMEOUT 67	/**< no server answered in time */
#define DNS_ERR_SHUTDOWN 68	/**< the resolver was freed */
#define DNS_ERR_CANCEL 69	/**< the look-up was cancelled */
#define DNS_ERR_NODATA 70	/**< the name exists, but has no such records */

/* What an answer is about. */
#define DNS_IPv4_A 1
#define DNS_PTR 2
#define DNS_IPv6_AAAA 3

/* Flags of look-ups. */
#define DNS_QUERY_NO_SEARCH 1 /**< take the name as it is */
#define DNS_QUERY_USEVC 2     /**< ask over TCP (libevent 2.2) */
#define DNS_QUERY_IGNTC 4     /**< a truncated answer is a failure (libevent 2.2) */

/* What evdns_base_resolv_conf_parse() takes. */
#define DNS_OPTION_SEARCH 1	 /**< the search list and ndots */
#define DNS_OPTION_NAMESERVERS 2 /**< the name servers */
#define DNS_OPTION_MISC 4	 /**< other options */
#define DNS_OPTION_HOSTSFILE 8	 /**< also read the hosts file */
#define DNS_OPTIONS_ALL (DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS | DNS_OPTION_MISC | DNS_OPTION_HOSTSFILE | 0)
#define DNS_OPTION_NAMESERVERS_NO_DEFAULT 16 /**< without any server in the file do not take this host's */

/** The old name of DNS_QUERY_NO_SEARCH. */
#define DNS_NO_SEARCH DNS_QUERY_NO_SEARCH

/**
 * A look-up ended.
 * @param result DNS_ERR_*
 * @param type DNS_IPv4_A, DNS_IPv6_AAAA or DNS_PTR
 * @param count how many addresses
 * @param ttl for how many seconds the answer may be kept
 * @param addresses `count` addresses of 4 or 16 bytes, or a pointer to a name: good until the callback returns
 */
typedef void (*evdns_callback_type)(int result, char type, int count, int ttl, void *addresses, void *arg);

struct evdns_base;
struct event_base;
struct evdns_request;
struct in_addr;
struct in6_addr;
struct sockaddr;

/* Flags of evdns_base_new(). */
#define EVDNS_BASE_INITIALIZE_NAMESERVERS 1	   /**< take the system's configuration */
#define EVDNS_BASE_DISABLE_WHEN_INACTIVE 0x8000	   /**< without look-ups do not keep the loop alive */
#define EVDNS_BASE_NAMESERVERS_NO_DEFAULT 0x10000  /**< DNS_OPTION_NAMESERVERS_NO_DEFAULT */
#define EVDNS_BASE_NO_CACHE 0x20000		   /**< lists are not kept; ours never keeps them by itself (libevent 2.2) */

/** Makes a resolver. @param initialize_nameservers EVDNS_BASE_* @return NULL on failure */
EVENT2_EXPORT_SYMBOL
struct evdns_base *evdns_base_new(struct event_base *event_base, int initialize_nameservers);

/** Frees a resolver. @param fail_requests whether its look-ups end with DNS_ERR_SHUTDOWN, or without a callback */
EVENT2_EXPORT_SYMBOL
void evdns_base_free(struct evdns_base *base, int fail_requests);

/** Forgets what hosts files said. */
EVENT2_EXPORT_SYMBOL
void evdns_base_clear_host_addresses(struct evdns_base *base);

/** The text of a DNS_ERR_* code. */
EVENT2_EXPORT_SYMBOL
const char *evdns_err_to_string(int err);

/** Adds a server by its IPv4 address in network order. @return 0 on success */
EVENT2_EXPORT_SYMBOL
int evdns_base_nameserver_add(struct evdns_base *base, unsigned long int address);

/** How many servers there are, up or down. */
EVENT2_EXPORT_SYMBOL
int evdns_base_count_nameservers(struct evdns_base *base);

/** Forgets all servers; look-ups wait until evdns_base_resume(). @return 0 on success */
EVENT2_EXPORT_SYMBOL
int evdns_base_clear_nameservers_and_suspend(struct evdns_base *base);

/** Look-ups go on. @return 0 on success */
EVENT2_EXPORT_SYMBOL
int evdns_base_resume(struct evdns_base *base);

/** Adds a server: "v4", "v4:port", "v6", "[v6]" or "[v6]:port". @return 0 on success */
EVENT2_EXPORT_SYMBOL
int evdns_base_nameserver_ip_add(struct evdns_base *base, const char *ip_as_string);

/** Adds a server by its socket address. @param flags 0 @return 0 on success */
EVENT2_EXPORT_SYMBOL
int evdns_base_nameserver_sockaddr_add(struct evdns_base *base, const struct sockaddr *sa, ev_socklen_t len, unsigned flags);

/** Looks up addresses by name. @param flags DNS_QUERY_* @return NULL if the name is none, or without memory */
EVENT2_EXPORT_SYMBOL
struct evdns_request *evdns_base_resolve_ipv4(
    struct evdns_base *base, const char *name, int flags, evdns_callback_type callback, void *ptr);
EVENT2_EXPORT_SYMBOL
struct evdns_request *evdns_base_resolve_ipv6(
    struct evdns_base *base, const char *name, int flags, evdns_callback_type callback, void *ptr);

/** Looks up names by address. */
EVENT2_EXPORT_SYMBOL
struct evdns_request *evdns_base_resolve_reverse(
    struct evdns_base *base, const struct in_addr *in, int flags, evdns_callback_type callback, void *ptr);
EVENT2_EXPORT_SYMBOL
struct evdns_request *evdns_base_resolve_reverse_ipv6(
    struct evdns_base *base, const struct in6_addr *in, int flags, evdns_callback_type callback, void *ptr);

/** Cancels a look-up whose callback was not called: that will be called with DNS_ERR_CANCEL. @param base may be NULL */
EVENT2_EXPORT_SYMBOL
void evdns_cancel_request(struct evdns_base *base, struct evdns_request *req);

/**
 * Sets an option, with a colon behind its name or without: ndots, timeout, max-timeouts, max-inflight, attempts,
 * randomize-case, bind-to, initial-probe-timeout, max-probe-timeout, probe-backoff-factor, getaddrinfo-allow-skew, so-rcvbuf,
 * so-sndbuf, tcp-idle-timeout, use-vc, ignore-tc, edns-udp-size. Others are ignored.
 * @return 0, or -1 for a bad value
 */
EVENT2_EXPORT_SYMBOL
int evdns_base_set_option(struct evdns_base *base, const char *option, const char *val);

/**
 * Reads a file like /etc/resolv.conf.
 * @param flags DNS_OPTION_*
 * @return 0; 1 no file, 3 too large, 4 no memory, 6 no servers in it
 */
EVENT2_EXPORT_SYMBOL
int evdns_base_resolv_conf_parse(struct evdns_base *base, int flags, const char *const filename);

/** Adds what a hosts file says, for evdns_getaddrinfo(); NULL: only "localhost". @return 0, negative on failure */
EVENT2_EXPORT_SYMBOL
int evdns_base_load_hosts(struct evdns_base *base, const char *hosts_fname);

/** Empties the search list. */
EVENT2_EXPORT_SYMBOL
void evdns_base_search_clear(struct evdns_base *base);

/** Puts a domain in front of the search list. */
EVENT2_EXPORT_SYMBOL
void evdns_base_search_add(struct evdns_base *base, const char *domain);

/** Names with fewer dots are searched first. */
EVENT2_EXPORT_SYMBOL
void evdns_base_search_ndots_set(struct evdns_base *base, const int ndots);

/** Hears of servers that fail and come back. */
typedef void (*evdns_debug_log_fn_type)(int is_warning, const char *msg);
EVENT2_EXPORT_SYMBOL
void evdns_set_log_fn(evdns_debug_log_fn_type fn);

/** Without effect since 2.0.4: numbers come from the system. */
EVENT2_EXPORT_SYMBOL
void evdns_set_transaction_id_fn(ev_uint16_t (*fn)(void));
EVENT2_EXPORT_SYMBOL
void evdns_set_random_bytes_fn(void (*fn)(char *, size_t));

/* The server. */

struct evdns_server_request;
struct evdns_server_question;
struct evdns_server_port;
struct evconnlistener;

/** A query: the program ends it with evdns_server_request_respond() or evdns_server_request_drop(), now or later. */
typedef void (*evdns_request_callback_fn_type)(struct evdns_server_request *, void *);

#define EVDNS_ANSWER_SECTION 0
#define EVDNS_AUTHORITY_SECTION 1
#define EVDNS_ADDITIONAL_SECTION 2

#define EVDNS_TYPE_A 1
#define EVDNS_TYPE_NS 2
#define EVDNS_TYPE_CNAME 5
#define EVDNS_TYPE_SOA 6
#define EVDNS_TYPE_PTR 12
#define EVDNS_TYPE_MX 15
#define EVDNS_TYPE_TXT 16
#define EVDNS_TYPE_AAAA 28

#define EVDNS_QTYPE_AXFR 252
#define EVDNS_QTYPE_ALL 255

#define EVDNS_CLASS_INET 1

/* Flags of replies. */
#define EVDNS_FLAGS_AA 0x400
#define EVDNS_FLAGS_RD 0x080

/** Answers queries on a bound UDP socket that does not block, which is closed with the port. @param flags 0 */
EVENT2_EXPORT_SYMBOL
struct evdns_server_port *evdns_add_server_port_with_base(struct event_base *base, evutil_socket_t socket, int flags,
    evdns_request_callback_fn_type callback, void *user_data);

/** Answers queries on the connections of a listener, which is freed with the port (libevent 2.2). @param flags 0 */
EVENT2_EXPORT_SYMBOL
struct evdns_server_port *evdns_add_server_port_with_listener(struct event_base *base, struct evconnlistener *listener, int flags,
    evdns_request_callback_fn_type callback, void *user_data);

/** Options of a port with a listener (libevent 2.2). */
enum evdns_server_option {
	EVDNS_SOPT_TCP_MAX_CLIENTS, /**< connections at once */
	EVDNS_SOPT_TCP_IDLE_TIMEOUT /**< seconds without a query until one is closed */
};
EVENT2_EXPORT_SYMBOL
int evdns_server_port_set_option(struct evdns_server_port *port, enum evdns_server_option option, size_t value);

/** Ends a port. Its requests may still be answered. */
EVENT2_EXPORT_SYMBOL
void evdns_close_server_port(struct evdns_server_port *port);

/** Sets flags of a reply: EVDNS_FLAGS_AA, EVDNS_FLAGS_RD. */
EVENT2_EXPORT_SYMBOL
void evdns_server_request_set_flags(struct evdns_server_request *req, int flags);

/**
 * Adds a record to a reply. Its data are `datalen` bytes, or a name.
 * @return 0, or -1
 */
EVENT2_EXPORT_SYMBOL
int evdns_server_request_add_reply(struct evdns_server_request *req, int section, const char *name, int type, int dns_class,
    int ttl, int datalen, int is_name, const char *data);
EVENT2_EXPORT_SYMBOL
int evdns_server_request_add_a_reply(struct evdns_server_request *req, const char *name, int n, const void *addrs, int ttl);
EVENT2_EXPORT_SYMBOL
int evdns_server_request_add_aaaa_reply(struct evdns_server_request *req, const char *name, int n, const void *addrs, int ttl);
EVENT2_EXPORT_SYMBOL
int evdns_server_request_add_ptr_reply(
    struct evdns_server_request *req, struct in_addr *in, const char *inaddr_name, const char *hostname, int ttl);
EVENT2_EXPORT_SYMBOL
int evdns_server_request_add_cname_reply(struct evdns_server_request *req, const char *name, const char *cname, int ttl);

/** Sends the reply with a DNS_ERR_* code of a server, and ends the request. From any thread. @return 0, or -1 */
EVENT2_EXPORT_SYMBOL
int evdns_server_request_respond(struct evdns_server_request *req, int err);

/** Ends a request without a reply. */
EVENT2_EXPORT_SYMBOL
int evdns_server_request_drop(struct evdns_server_request *req);

/** Who asked. @return the address's length, or -1 */
EVENT2_EXPORT_SYMBOL
int evdns_server_request_get_requesting_addr(struct evdns_server_request *req, struct sockaddr *sa, int addr_len);

/* Lists of addresses. */

/** A list, which evutil_freeaddrinfo() frees, or an EVUTIL_EAI_* code. */
typedef void (*evdns_getaddrinfo_cb)(int result, struct evutil_addrinfo *res, void *arg);

struct evdns_getaddrinfo_request;

/**
 * As getaddrinfo(), without blocking: from hosts files, from the cache, or from the servers.
 * @return NULL where the callback was called already
 */
EVENT2_EXPORT_SYMBOL
struct evdns_getaddrinfo_request *evdns_getaddrinfo(struct evdns_base *dns_base, const char *nodename, const char *servname,
    const struct evutil_addrinfo *hints_in, evdns_getaddrinfo_cb cb, void *arg);

/** Cancels a request whose callback was not called: that will be called with EVUTIL_EAI_CANCEL. */
EVENT2_EXPORT_SYMBOL
void evdns_getaddrinfo_cancel(struct evdns_getaddrinfo_request *req);

/** Keeps the addresses of a list for a time (libevent 2.2). @return 0, or -1 */
EVENT2_EXPORT_SYMBOL
int evdns_cache_write(struct evdns_base *dns_base, char *nodename, struct evutil_addrinfo *res, int ttl);

/** Finds what was kept (libevent 2.2). @return 0, or an EVUTIL_EAI_* code */
EVENT2_EXPORT_SYMBOL
int evdns_cache_lookup(struct evdns_base *base, const char *nodename, struct evutil_addrinfo *hints, ev_uint16_t port,
    struct evutil_addrinfo **res);

/**
 * The address of a server by number.
 * @return its length, more than `len` if it was not written; -1 if there is no such server
 */
EVENT2_EXPORT_SYMBOL
int evdns_base_get_nameserver_addr(struct evdns_base *base, int idx, struct sockaddr *sa, ev_socklen_t len);

/** The socket that a server was asked through last (libevent 2.2). It changes from time to time. @return -1 if there is none */
EVENT2_EXPORT_SYMBOL
int evdns_base_get_nameserver_fd(struct evdns_base *base, int idx);

#ifdef __cplusplus
}
#endif

#endif /* !EVENT2_DNS_H_INCLUDED_ */
