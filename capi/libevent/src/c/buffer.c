/* Functions with variable arguments, which need C. They print into the buffer's own room; see src/buffer/format.rs. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct evbuffer;
char *evoxide_buffer_print_begin(struct evbuffer *buffer, size_t need, size_t *room);
int evoxide_buffer_print_end(struct evbuffer *buffer, int length);

int
evoxide_buffer_vprintf(struct evbuffer *buffer, const char *format, va_list arguments)
{
	size_t room;
	char *text = evoxide_buffer_print_begin(buffer, 64, &room);
	for (;;) {
		va_list again;
		int length;
		if (!text)
			return -1;
		va_copy(again, arguments);
		length = vsnprintf(text, room, format, again);
		va_end(again);
		if (length < 0 || (size_t)length < room)
			return evoxide_buffer_print_end(buffer, length);
		evoxide_buffer_print_end(buffer, -1);
		text = evoxide_buffer_print_begin(buffer, (size_t)length + 1, &room);
	}
}

int
evoxide_buffer_printf(struct evbuffer *buffer, const char *format, ...)
{
	va_list arguments;
	int length;
	va_start(arguments, format);
	length = evoxide_buffer_vprintf(buffer, format, arguments);
	va_end(arguments);
	return length;
}
