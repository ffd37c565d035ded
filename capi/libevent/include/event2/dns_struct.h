/*
 * event2/dns_struct.h: what a server sees of a query.
 */
#ifndef EVENT2_DNS_STRUCT_H_INCLUDED_
#define EVENT2_DNS_STRUCT_H_INCLUDED_

#ifdef __cplusplus
extern "C" {
#endif

#include <event2/event-config.h>
#ifdef EVENT__HAVE_SYS_TYPES_H
#include <sys/types.h>
#endif
#ifdef EVENT__HAVE_SYS_TIME_H
#include <sys/time.h>
#endif
#include <event2/util.h>

/** A query. */
struct evdns_server_request {
	int flags;				  /**< of the header: recursion desired, checking disabled */
	int nquestions;				  /**< how many questions */
	struct evdns_server_question **questions; /**< the questions */
};

/** A question. */
struct evdns_server_question {
	int type; /**< EVDNS_TYPE_*, EVDNS_QTYPE_*, or any other type's number */
#ifdef __cplusplus
	int dns_question_class; /**< EVDNS_CLASS_INET, or any other class's number */
#else
	int class; /**< in C also by this name */
#define dns_question_class class
#endif
	char name[1]; /**< the name; it goes on behind the struct */
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_DNS_STRUCT_H_INCLUDED_ */
