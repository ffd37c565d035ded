/*
 * event2/rpc_compat.h: older forms of the accessors of event2/rpc.h, for compilers with GNU's variadic macros.
 */
#ifndef EVENT2_RPC_COMPAT_H_INCLUDED_
#define EVENT2_RPC_COMPAT_H_INCLUDED_

#if defined(__GNUC__) && !defined(__STRICT_ANSI__)
#undef EVTAG_ASSIGN
#undef EVTAG_GET
#undef EVTAG_ADD

/** Sets a member; bytes take their length besides. */
#define EVTAG_ASSIGN(msg, member, args...) (*(msg)->base->member##_assign)(msg, ## args)
/** Reads a member; bytes give their length besides, arrays take an index first. */
#define EVTAG_GET(msg, member, args...) (*(msg)->base->member##_get)(msg, ## args)
/** Appends to an array. */
#define EVTAG_ADD(msg, member, args...) (*(msg)->base->member##_add)(msg, ## args)
#endif

/** How many elements an array has. */
#define EVTAG_LEN(msg, member) ((msg)->member##_length)

#endif /* EVENT2_RPC_COMPAT_H_INCLUDED_ */
