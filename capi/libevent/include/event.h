/*
 * event.h: the one header of libevent 1.x. It shows the current interface, the old calls and the layouts.
 *
 * New programs include what they use of <event2/...>.
 */
#ifndef EVENT1_EVENT_H_INCLUDED_
#define EVENT1_EVENT_H_INCLUDED_

#include <event2/event-config.h>

#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#include <evutil.h>

#include <event2/event_struct.h>

#include <event2/event.h>
#include <event2/event_compat.h>

#include <event2/buffer.h>
#include <event2/buffer_compat.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_struct.h>

#include <event2/bufferevent_compat.h>

#endif /* EVENT1_EVENT_H_INCLUDED_ */
