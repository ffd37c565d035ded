/*
 * case.h: the frame of every C test program.
 *
 * A program includes this file first and defines cases:
 *
 *     #include "case.h"
 *     #include <event2/event.h>
 *
 *     CASE(add_then_del)
 *     {
 *         ...
 *         SAY("pending %d\n", event_pending(ev, EV_READ, NULL));
 *         CHECK(event_del(ev) == 0);
 *     }
 *
 * Every program is run on the distribution's library and on ours, and what the
 * two print is compared case by case. So the output must be the same in every
 * run: no addresses, process numbers, ports or times.
 *
 *     prog              every case, each in a child of its own
 *     prog -l           the names
 *     prog -s TEXT      the cases whose name contains TEXT, each in a child
 *     prog NAME         that one case, in this process (for gdb)
 *
 * Around a child's output stand "== name" and "-- exit N", "-- signal N" or
 * "-- timeout" (20 seconds, or CASE_TIMEOUT of the environment). CASE_PACE: so many times as long takes what a case waits for,
 * where it says so by case_ms.
 *
 * File names: thread_*.c also runs under helgrind; ours_*.c is about functions
 * that the distribution's library lacks and runs on ours only.
 *
 * C89 but for the constructor attribute; C++ compilers take it too.
 */
#ifndef CASE_H
#define CASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CASE_UNUSED __attribute__((unused))

struct case_entry {
	const char *name;
	void (*run)(void);
	struct case_entry *next;
};

static struct case_entry *case_first;
static struct case_entry **case_last = &case_first;
static volatile sig_atomic_t case_pid;
static volatile sig_atomic_t case_late;

static void
case_register(struct case_entry *entry)
{
	*case_last = entry;
	case_last = &entry->next;
}

/* Defines and registers one case; a braced body follows. */
#define CASE(name)                                                             \
	static void case_##name(void);                                         \
	static struct case_entry case_entry_##name = { #name, case_##name, 0 }; \
	__attribute__((constructor)) static void case_register_##name(void)    \
	{                                                                      \
		case_register(&case_entry_##name);                             \
	}                                                                      \
	static void case_##name(void)

/*
 * Defines what runs once, before all cases and without output, where a checker looks on; a braced body follows. What the parent has
 * run is translated already in the cases, which are its children.
 */
#define CASE_WARM_UP                                                           \
	static void case_warm_up(void);                                        \
	__attribute__((constructor)) static void case_run_warm_up(void)        \
	{                                                                      \
		int out, null;                                                 \
		if (!getenv("CASE_PIDS"))                                      \
			return;                                                \
		out = dup(1);                                                  \
		null = open("/dev/null", O_WRONLY);                            \
		dup2(null, 1);                                                 \
		case_warm_up();                                                \
		fflush(stdout);                                                \
		dup2(out, 1);                                                  \
		close(out);                                                    \
		close(null);                                                   \
	}                                                                      \
	static void case_warm_up(void)

/* printf that cannot stay behind in a buffer. */
CASE_UNUSED __attribute__((format(printf, 1, 2))) static void
SAY(const char *format, ...)
{
	int saved = errno;
	va_list ap;
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	fflush(stdout);
	errno = saved;
}

CASE_UNUSED static int
case_check(int held, const char *text)
{
	SAY("%s %s\n", held ? "ok" : "NO", text);
	return held;
}

/* States something that must hold; worth 0 where it does not. */
#define CHECK(expr) case_check(!!(expr), #expr)

/* So many milliseconds, on this machine: the runner says how often it stalls. */
CASE_UNUSED static long
case_ms(long n)
{
	const char *pace = getenv("CASE_PACE");
	return pace ? n * atol(pace) : n;
}

static void
case_alarm(int sig)
{
	(void)sig;
	case_late = 1;
	if (case_pid > 0)
		kill(-(pid_t)case_pid, SIGKILL);
}

/* Under a checker: which process ran which case. */
static void
case_note(const char *name)
{
	const char *path = getenv("CASE_PIDS");
	FILE *f = path ? fopen(path, "a") : 0;
	if (f) {
		fprintf(f, "%ld %s\n", (long)getpid(), name);
		fclose(f);
	}
}

/* Runs one case in a child that leads its own process group. */
static void
case_fork(struct case_entry *entry)
{
	const char *limit = getenv("CASE_TIMEOUT");
	int status = 0;
	pid_t pid;

	printf("== %s\n", entry->name);
	fflush(stdout);
	case_late = 0;
	pid = fork();
	if (pid < 0) {
		printf("-- fork failed\n");
		return;
	}
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		setpgid(0, 0);
		case_note(entry->name);
		entry->run();
		fflush(stdout);
		exit(0);
	}
	setpgid(pid, pid);
	case_pid = (sig_atomic_t)pid;
	alarm(limit ? (unsigned)atoi(limit) : 20u);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	case_pid = 0;
	kill(-pid, SIGKILL); /* what the case left running */
	if (case_late)
		printf("-- timeout\n");
	else if (WIFSIGNALED(status))
		printf("-- signal %d\n", WTERMSIG(status));
	else
		printf("-- exit %d\n", WEXITSTATUS(status));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct case_entry *e;
	const char *part = "";
	int found = 0;

	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (e = case_first; e; e = e->next)
			printf("%s\n", e->name);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "-s") == 0) {
		part = argv[2];
	} else if (argc == 2) {
		for (e = case_first; e; e = e->next) {
			if (strcmp(e->name, argv[1]) == 0) {
				e->run();
				fflush(stdout);
				return 0;
			}
		}
		fprintf(stderr, "no case %s\n", argv[1]);
		return 2;
	}
	signal(SIGALRM, case_alarm);
	for (e = case_first; e; e = e->next) {
		if (strstr(e->name, part)) {
			case_fork(e);
			found++;
		}
	}
	return found ? 0 : 2;
}

#endif /* CASE_H */
