/* Time as ISO 8601 writes it: instants, durations, start windows. UTC throughout. */
#ifndef TEXT_WHEN_H
#define TEXT_WHEN_H

#include "text/base.h"

struct when {
    int64_t sec;  /* since 1970-01-01T00:00:00Z */
    int32_t nsec; /* 0 to 999,999,999 */
};

struct duration {
    int64_t months; /* years and months: their length depends on where they begin */
    int64_t sec;    /* weeks, days (86,400 s: UTC), hours, minutes, seconds */
    int32_t nsec;
};

/* When a job may start (Planner 2.4): from == to for a bare instant. */
struct window {
    struct when from, to;
    bool instant;
};

/* Each returns 0 and sets *out, or returns -1 and sets *why to what was expected; years go from
 * 0000 to 9999, durations stay below 10,000 years. *sloppy, when not NULL, becomes true for a form
 * that is only tolerated (EP-69): no seconds, a date only, 1H for PT1H, an end shortened to its
 * time of day. P1M is one month, never a minute. */
int when_parse(const char *text, struct when *out, bool *sloppy, const char **why);
int duration_parse(const char *text, struct duration *out, bool *sloppy, const char **why);
int window_parse(const char *text, struct window *out, bool *sloppy, const char **why);

#define WHEN_TEXT 32
#define WINDOW_TEXT 72
/* Canonical: 2023-08-14T11:30:00Z, with .123 where there is a fraction; finer ones are cut off, and
 * what lies outside the years 0000 to 9999 is printed as the end of them. Returns text. */
char *when_print(struct when w, char text[WHEN_TEXT]);
char *duration_print(struct duration d, char text[WHEN_TEXT]);
char *window_print(struct window w, char text[WINDOW_TEXT]);

/* What is recorded is a moment: ms since 1970. */
struct when when_of_ms(int64_t ms);
int64_t when_to_ms(struct when w);
/* As when_print, but always with milliseconds, so that texts sort as times do. Returns text. */
char *moment_print(int64_t ms, char text[WHEN_TEXT]);

int when_compare(struct when a, struct when b); /* <0, 0, >0 */
struct when when_add(struct when w, struct duration d);
/* How long d is when it begins at `from`, in seconds, fractions rounded up. */
int64_t duration_seconds(struct duration d, struct when from);
struct duration duration_of(int64_t sec);

#endif
