/* What every file begins with: the system headers, memory that cannot fail, ownership, bans. */
#ifndef TEXT_BASE_H
#define TEXT_BASE_H

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* The scope owns: `own(str_fini) char *s = ...;` frees s when the scope is left. */
#define own(fini) __attribute__((cleanup(fini)))
/* The value leaves its owner: `return move(s);` */
#define move(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) moved_ = (p);                                                                \
        (p) = NULL;                                                                                \
        moved_;                                                                                    \
    })
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Memory. These never answer NULL: without memory the program ends with code 71 (all state is in
 * the store, so that is safe at any point). The caller frees. */
void *mem_new(size_t n); /* zeroed */
void *mem_raw(size_t n); /* not zeroed, which is much quicker with the C library of our time */
void *mem_grow(void *p, size_t count, size_t size);
char *str_new(const char *s); /* NULL gives NULL */
char *str_print(const char *fmt, ...) PRINTF(1, 2);
char *str_vprint(const char *fmt, va_list ap) PRINTF(1, 0);
void str_fini(char **s); /* for own() */

static inline bool str_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_begins(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Not in this house: unbounded, not reentrant, or through a shell. */
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol gmtime localtime system popen
#pragma GCC poison tmpnam mktemp

#endif
