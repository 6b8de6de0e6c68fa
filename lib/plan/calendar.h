/* When there is room: bookings of a platform against its capacity. Times in s since 1970. */
#ifndef PLAN_CALENDAR_H
#define PLAN_CALENDAR_H

#include "store/store.h"

/* The bookings of one platform as they are at `now`, and what it has in all. What they add up to is
 * read as far as it is needed, and once: in a transaction, where that is to be true together. */
struct calendar {
    struct room capacity; /* its parts are borrowed, as is the platform's name */
    const char *platform;
    int64_t now;
    struct store *store;   /* NULL: there is no more than what stands apart */
    struct series *series; /* by thing, as far as it was read */
    size_t nseries;
    struct apart *apart; /* what counts besides, or does not count of what was read */
    size_t napart;
    struct err err; /* why reading failed */
};
/* One booking besides: sign 1 counts, -1 does not. */
struct apart {
    struct booking booking;
    int sign;
};
int calendar_open(struct calendar *c, struct store *store, const char *platform,
                  struct room capacity, int64_t now, struct err *err);
/* The same of what really runs at `now`, and of nothing that is to come. */
int calendar_running(struct calendar *c, struct store *store, const char *platform,
                     struct room capacity, int64_t now, struct err *err);
void calendar_close(struct calendar *c);

/* The earliest start in [from, to] at which `need` fits beside the bookings for `length` seconds,
 * or -1; `from` is not before the calendar's now. The booking of job `self` (may be NULL) does not
 * count. O(n), and only as far as the slot that is found. */
int64_t calendar_fit(struct calendar *c, struct room need, int64_t from, int64_t to, int64_t length,
                     const char *self);
/* After calls of calendar_fit: -1 when what they said may be wrong because reading failed. */
int calendar_check(const struct calendar *c, struct err *err);

#endif
