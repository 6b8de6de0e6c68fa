/* The least a test needs: each check prints a line of TAP; `return tap_end();` ends main. */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include "text/base.h"

static int tap_count, tap_failed;

/* A name may be an input, with new lines and all. */
static inline void tap_name(const char *s)
{
    for (size_t n = 0; *s && n < 100; s++, n++) {
        if (*s == '\n')
            fputs("\\n", stdout);
        else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
            printf("\\x%02x", (unsigned char)*s);
        else
            printf(*s == '#' ? "\\%c" : "%c", *s);
    }
}

static inline bool ok(bool good, const char *name)
{
    tap_count++;
    tap_failed += !good;
    printf("%sok %d - ", good ? "" : "not ", tap_count);
    tap_name(name);
    putchar('\n');
    return good;
}

static inline bool is_str(const char *got, const char *want, const char *name)
{
    bool good = ok(str_same(got, want), name);
    if (!good)
        printf("#  got: %s\n# want: %s\n", got ? got : "NULL", want ? want : "NULL");
    return good;
}

/* want is part of got */
static inline bool has_str(const char *got, const char *want, const char *name)
{
    bool good = ok(got && strstr(got, want), name);
    if (!good)
        printf("#  got: %s\n# want: ...%s...\n", got ? got : "NULL", want);
    return good;
}

static inline bool is_int(int64_t got, int64_t want, const char *name)
{
    bool good = ok(got == want, name);
    if (!good)
        printf("#  got: %" PRId64 "\n# want: %" PRId64 "\n", got, want);
    return good;
}

/* The plan and the exit code. */
static inline int tap_end(void)
{
    printf("1..%d\n", tap_count);
    return tap_failed || fflush(stdout) ? 1 : 0;
}

#endif
