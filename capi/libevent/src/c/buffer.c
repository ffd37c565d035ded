/* Functions with variable arguments, which need C. They print into the buffer's own room; see src/buffer/format.rs. */
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct evbuffer;
char *evoxide_buffer_print_begin(struct evbuffer *buffer, size_t need, size_t *room);
int evoxide_buffer_print_end(struct evbuffer *buffer, int length);

/* The digits of a number, ending at `end`; answers where they begin. */
static char *
digits(char *end, unsigned long long number)
{
	do
		*--end = (char)('0' + number % 10);
	while (number /= 10);
	return end;
}

static char *
signed_digits(char *end, long long number)
{
	if (number >= 0)
		return digits(end, (unsigned long long)number);
	end = digits(end, 0 - (unsigned long long)number);
	*--end = '-';
	return end;
}

/*
 * What most formats are made of: text, %s, %c, %d, %u, %ld, %lu, %zd, %zu and %%. Returns how many bytes, without the zero behind them, or
 * -1 where the format has anything else or the room is not larger than the text: vsnprintf says then what there is to say.
 */
static int
print_plain(char *out, size_t room, const char *format, va_list arguments)
{
	char number[24], *const end = number + sizeof number;
	char *at = out;

	if (room > INT_MAX)
		room = INT_MAX;
	while (*format) {
		const char *text;
		size_t length;

		if (*format != '%') {
			text = format;
			while (*format && *format != '%')
				format++;
			length = (size_t)(format - text);
		} else {
			int big = format[1] == 'l' || format[1] == 'z';

			switch (format[1 + big]) {
			case 's':
				text = va_arg(arguments, const char *);
				if (big || !text)
					return -1;
				length = strlen(text);
				break;
			case 'c':
				if (big)
					return -1;
				number[0] = (char)va_arg(arguments, int);
				text = number;
				length = 1;
				break;
			case 'd':
				text = signed_digits(end, big ? va_arg(arguments, long) : va_arg(arguments, int));
				length = (size_t)(end - text);
				break;
			case 'u':
				text = digits(end, big ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned));
				length = (size_t)(end - text);
				break;
			case '%':
				if (big)
					return -1;
				text = "%";
				length = 1;
				break;
			default:
				return -1;
			}
			format += 2 + big;
		}
		if (length >= room - (size_t)(at - out))
			return -1;
		memcpy(at, text, length);
		at += length;
	}
	/* As vsnprintf does: programs read what they printed as a string. */
	*at = 0;
	return (int)(at - out);
}

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
		length = print_plain(text, room, format, again);
		va_end(again);
		if (length < 0) {
			va_copy(again, arguments);
			length = vsnprintf(text, room, format, again);
			va_end(again);
		}
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
