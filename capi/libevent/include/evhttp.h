/*
 * evhttp.h: the old name of event2/http.h, with everything that was in it.
 */
#ifndef EVENT1_EVHTTP_H_INCLUDED_
#define EVENT1_EVHTTP_H_INCLUDED_

#include <event.h>
#include <event2/http.h>
#include <event2/http_compat.h>
#include <event2/http_struct.h>

#endif /* EVENT1_EVHTTP_H_INCLUDED_ */
