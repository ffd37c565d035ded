/* 100,000 bases made, used and freed: no memory, no descriptor, no thread stays behind. */
#include "case.h"
#include "loop_kit.h"
#include <dirent.h>
#include <event2/thread.h>

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Resident pages. */
static long pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size = 0, resident = 0;

	if (fscanf(f, "%ld %ld", &size, &resident) != 2)
		abort();
	fclose(f);
	return resident;
}

static void cycle(int fd, int *ran)
{
	struct event_base *base = event_base_new();
	struct event timer, writer, sig;

	event_assign(&timer, base, -1, 0, count, ran);
	event_assign(&writer, base, fd, EV_WRITE, count, ran);
	event_assign(&sig, base, SIGUSR1, EV_SIGNAL, count, ran);
	event_add(&timer, ms(0));
	event_add(&writer, ms(1000));
	event_add(&sig, NULL);
	event_base_active_by_signal(base, SIGUSR1);
	event_base_dispatch(base);
	event_base_free(base);
}

static void cycles(int n)
{
	int fd[2], i, ran = 0, descriptors, threads;
	long before;
	const char *preload = getenv("LD_PRELOAD");
	int checked = preload && strstr(preload, "vgpreload");

	if (checked)
		n /= 100;
	pair(fd);
	for (i = 0; i < n / 10; i++)
		cycle(fd[0], &ran);
	descriptors = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	before = pages();
	for (; i < n; i++)
		cycle(fd[0], &ran);
	CHECK(ran == 3 * n);
	CHECK(entries("/proc/self/fd") == descriptors);
	CHECK(entries("/proc/self/task") == threads);
	CHECK(checked || pages() - before < 64);
	close(fd[0]);
	close(fd[1]);
}

CASE(without_locks)
{
	cycles(100000);
}

CASE(with_locks)
{
	evthread_use_pthreads();
	cycles(50000);
}
