/* evutil_getaddrinfo, evutil_freeaddrinfo, evutil_gai_strerror. Only names that need no network. */
#include "case.h"
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>

static void
look(const char *host, const char *service, int flags, int family, int type, int protocol)
{
	struct evutil_addrinfo hints, *first = (struct evutil_addrinfo *)&hints, *ai;
	int r;
	memset(&hints, 0, sizeof(hints));
	hints.ai_flags = flags;
	hints.ai_family = family;
	hints.ai_socktype = type;
	hints.ai_protocol = protocol;
	r = evutil_getaddrinfo(host, service, flags == -1 ? NULL : &hints, &first);
	SAY("%s %s flags %x family %d type %d protocol %d: %d\n", host ? host : "-", service ? service : "-", (unsigned)flags, family, type, protocol, r);
	if (r != 0) {
		SAY("  %s, result kept %d\n", evutil_gai_strerror(r), first == (struct evutil_addrinfo *)&hints);
		return;
	}
	for (ai = first; ai; ai = ai->ai_next) {
		char text[64];
		unsigned port;
		if (ai->ai_family == AF_INET) {
			struct sockaddr_in *sin = (struct sockaddr_in *)ai->ai_addr;
			evutil_inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
			port = ntohs(sin->sin_port);
		} else {
			struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ai->ai_addr;
			evutil_inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
			port = ntohs(sin6->sin6_port);
		}
		SAY("  %x %d %d %d len %d %s %u %s\n", (unsigned)ai->ai_flags, ai->ai_family, ai->ai_socktype, ai->ai_protocol, (int)ai->ai_addrlen,
		    text, port, ai->ai_canonname ? ai->ai_canonname : "-");
	}
	evutil_freeaddrinfo(first);
}

CASE(numeric_no_hints)
{
	look("1.2.3.4", "80", -1, 0, 0, 0);
	look("1.2.3.4", NULL, -1, 0, 0, 0);
	look("::1", "80", -1, 0, 0, 0);
}

CASE(nothing_given)
{
	look(NULL, NULL, -1, 0, 0, 0);
	look(NULL, NULL, 0, 0, 0, 0);
	look(NULL, NULL, EVUTIL_AI_PASSIVE, AF_INET, SOCK_STREAM, IPPROTO_TCP);
}

CASE(types_and_protocols)
{
	static const int types[] = { 0, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, 99 };
	static const int protocols[] = { 0, IPPROTO_TCP, IPPROTO_UDP, 99 };
	size_t i, k;
	for (i = 0; i < 5; i++)
		for (k = 0; k < 4; k++) {
			look("1.2.3.4", "80", 0, AF_UNSPEC, types[i], protocols[k]);
			look("1.2.3.4", NULL, 0, AF_UNSPEC, types[i], protocols[k]);
		}
}

CASE(families)
{
	static const int families[] = { AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99 };
	size_t i;
	for (i = 0; i < 5; i++) {
		look("1.2.3.4", "80", 0, families[i], SOCK_STREAM, 0);
		look("::1", "80", 0, families[i], SOCK_STREAM, 0);
	}
}

CASE(passive)
{
	look(NULL, "80", 0, AF_INET, SOCK_STREAM, 0);
	look(NULL, "80", EVUTIL_AI_PASSIVE, AF_INET, SOCK_STREAM, 0);
	look(NULL, "80", EVUTIL_AI_PASSIVE, AF_INET6, SOCK_STREAM, 0);
	look(NULL, "80", EVUTIL_AI_NUMERICHOST, AF_INET, SOCK_STREAM, 0);
	look("1.2.3.4", "80", EVUTIL_AI_PASSIVE, AF_INET, SOCK_STREAM, 0);
}

CASE(v4mapped)
{
	look("1.2.3.4", "80", EVUTIL_AI_V4MAPPED, AF_INET6, SOCK_STREAM, 0);
	look("1.2.3.4", "80", EVUTIL_AI_V4MAPPED | EVUTIL_AI_ALL, AF_INET6, SOCK_STREAM, 0);
	look("1.2.3.4", "80", EVUTIL_AI_V4MAPPED, AF_INET, SOCK_STREAM, 0);
	look("::ffff:1.2.3.4", "80", 0, AF_UNSPEC, SOCK_STREAM, 0);
}

CASE(canonname)
{
	look("1.2.3.4", "80", EVUTIL_AI_CANONNAME, AF_UNSPEC, SOCK_STREAM, 0);
	look("::1", "80", EVUTIL_AI_CANONNAME, AF_UNSPEC, SOCK_STREAM, 0);
	look(NULL, "80", EVUTIL_AI_CANONNAME, AF_INET, SOCK_STREAM, 0);
}

CASE(services)
{
	static const char *const services[] = { "0", "80", "00080", " 80", "+80", "-1", "65535", "65536", "", "80x", "0x50", "no-such-service" };
	size_t i;
	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		look("1.2.3.4", services[i], 0, AF_INET, SOCK_STREAM, 0);
	look("1.2.3.4", "80", EVUTIL_AI_NUMERICSERV, AF_INET, SOCK_STREAM, 0);
	look("1.2.3.4", "no-such-service", EVUTIL_AI_NUMERICSERV, AF_INET, SOCK_STREAM, 0);
}

CASE(numeric_host_only)
{
	look("1.2.3.4", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
	look("::1", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
	look("localhost", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
	look("1.2.3", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
	look("", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
	look("[::1]", "80", EVUTIL_AI_NUMERICHOST, AF_UNSPEC, SOCK_STREAM, 0);
}

CASE(bad_flags)
{
	look("1.2.3.4", "80", 0x10000000, AF_UNSPEC, SOCK_STREAM, 0);
}

CASE(localhost)
{
	look("localhost", "80", 0, AF_INET, SOCK_STREAM, 0);
	look("localhost", NULL, 0, AF_INET, SOCK_STREAM, 0);
	look("localhost", "80", EVUTIL_AI_CANONNAME, AF_INET, SOCK_STREAM, 0);
}

CASE(error_texts)
{
	static const int errors[] = { EVUTIL_EAI_ADDRFAMILY, EVUTIL_EAI_AGAIN, EVUTIL_EAI_BADFLAGS, EVUTIL_EAI_FAIL, EVUTIL_EAI_FAMILY,
		EVUTIL_EAI_MEMORY, EVUTIL_EAI_NODATA, EVUTIL_EAI_NONAME, EVUTIL_EAI_SERVICE, EVUTIL_EAI_SOCKTYPE, EVUTIL_EAI_SYSTEM,
		EVUTIL_EAI_CANCEL, 0, 1, -12, -100, -901, -90000 };
	size_t i;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		SAY("%d %s\n", errors[i], evutil_gai_strerror(errors[i]));
}
