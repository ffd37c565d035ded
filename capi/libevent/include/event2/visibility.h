/*
 * event2/visibility.h: the mark of exported functions.
 *
 * It says nothing while a program is compiled: the shared object decides by itself what it exports. The names are here
 * for code that uses them for its own declarations.
 */
#ifndef EVENT2_VISIBILITY_H_INCLUDED_
#define EVENT2_VISIBILITY_H_INCLUDED_

#include <event2/event-config.h>

#define EVENT2_EXPORT_SYMBOL
#define EVENT2_CORE_EXPORT_SYMBOL EVENT2_EXPORT_SYMBOL

#endif /* EVENT2_VISIBILITY_H_INCLUDED_ */
