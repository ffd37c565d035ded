/* event_base_dump_events: its lines, without what changes from run to run. */
#include "case.h"
#include "loop_kit.h"

/* Addresses become PTR, descriptors FD, times TIME. */
static void dump(struct event_base *base)
{
	FILE *f = tmpfile();
	char line[512];

	event_base_dump_events(base, f);
	rewind(f);
	while (fgets(line, sizeof line, f)) {
		char *p;

		for (p = line; *p;) {
			if (p[0] == '0' && p[1] == 'x') {
				SAY("PTR");
				p += 2;
				p += strspn(p, "0123456789abcdef");
			} else if (*p >= '0' && *p <= '9') {
				SAY("N");
				p += strspn(p, "0123456789.");
			} else {
				SAY("%c", *p++);
			}
		}
	}
	SAY("--\n");
	fclose(f);
}

CASE(empty)
{
	struct event_base *base = event_base_new();

	dump(base);
	event_base_free(base);
}

CASE(descriptors)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *r, *w, *p, *et, *c;

	pair(fd);
	r = event_new(base, fd[0], EV_READ, trace, "");
	event_add(r, NULL);
	dump(base);
	event_free(r);
	w = event_new(base, fd[0], EV_WRITE, trace, "");
	event_add(w, ms(100000));
	dump(base);
	event_free(w);
	p = event_new(base, fd[0], EV_READ | EV_WRITE | EV_PERSIST, trace, "");
	event_add(p, NULL);
	dump(base);
	event_free(p);
	et = event_new(base, fd[0], EV_READ | EV_ET, trace, "");
	event_add(et, NULL);
	dump(base);
	event_free(et);
	c = event_new(base, fd[0], EV_CLOSED, trace, "");
	event_add(c, NULL);
	dump(base);
	event_free(c);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(timers)
{
	struct event_base *base = event_base_new();
	struct event *t = evtimer_new(base, trace, "");

	event_add(t, ms(100000));
	dump(base);
	event_free(t);
	event_base_free(base);
}

CASE(only_active)
{
	struct event_base *base = event_base_new();
	struct event *t = evtimer_new(base, trace, "");
	int fd[2];
	struct event *r;

	pair(fd);
	event_active(t, EV_TIMEOUT, 1);
	dump(base);
	event_free(t);
	r = event_new(base, fd[0], EV_READ | EV_PERSIST, trace, "");
	event_add(r, NULL);
	event_active(r, EV_READ | EV_WRITE, 1);
	dump(base);
	event_free(r);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(active_masks)
{
	static const short masks[] = { EV_TIMEOUT, EV_READ, EV_WRITE, EV_SIGNAL, EV_CLOSED, EV_READ | EV_TIMEOUT };
	struct event_base *base = event_base_new();
	struct event *t = evtimer_new(base, trace, "");
	size_t i;

	for (i = 0; i < sizeof masks / sizeof masks[0]; i++) {
		event_active(t, masks[i], 1);
		dump(base);
		event_del(t);
	}
	event_free(t);
	event_base_free(base);
}

CASE(fd_and_time_are_true)
{
	struct event_base *base = event_base_new();
	int fd[2];
	struct event *r;
	FILE *f = tmpfile();
	char line[512], want[64];

	pair(fd);
	r = event_new(base, fd[0], EV_READ, trace, "");
	event_add(r, NULL);
	event_base_dump_events(base, f);
	rewind(f);
	snprintf(want, sizeof want, "[fd  %d]", fd[0]);
	while (fgets(line, sizeof line, f))
		if (strstr(line, want))
			SAY("the descriptor is there\n");
	snprintf(want, sizeof want, "%p", (void *)r);
	rewind(f);
	while (fgets(line, sizeof line, f))
		if (strstr(line, want))
			SAY("the event is there\n");
	fclose(f);
	event_free(r);
	event_base_free(base);
	close(fd[0]);
	close(fd[1]);
}

CASE(signals)
{
	struct event_base *base = event_base_new();
	struct event *a = evsignal_new(base, SIGUSR1, trace, "");
	FILE *f = tmpfile();
	char line[512], want[64];
	int hits = 0;

	event_add(a, NULL);
	event_base_dump_events(base, f);
	snprintf(want, sizeof want, "%p", (void *)a);
	rewind(f);
	while (fgets(line, sizeof line, f)) {
		if (strstr(line, want)) {
			char *p = strchr(line, '[');

			SAY("%s", p ? p : "no descriptor\n");
			hits++;
		}
	}
	SAY("lines %d\n", hits);
	fclose(f);
	event_free(a);
	event_base_free(base);
}
