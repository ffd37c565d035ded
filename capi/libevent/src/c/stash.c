/* A thread's variable for src/http/keyval.rs: C has them without a standard library of Rust's. */
#include <stddef.h>

int __cxa_thread_atexit_impl(void (*)(void *), void *, void *);
extern __attribute__((visibility("hidden"))) void *__dso_handle;

/* In Rust: gives back what a stash keeps. */
void evoxide_stash_end(void *stash);

static __thread struct {
	void *first;
	unsigned char len;
	enum { FRESH, LIVE, ENDED } state;
} stash;

static void
end(void *it)
{
	stash.state = ENDED;
	evoxide_stash_end(it);
}

void *
evoxide_stash(void)
{
	if (stash.state == FRESH)
		stash.state = __cxa_thread_atexit_impl(end, &stash, &__dso_handle) == 0 ? LIVE : ENDED;
	return stash.state == LIVE ? &stash : NULL;
}
