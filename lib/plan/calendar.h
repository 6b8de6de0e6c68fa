/* When there is room: bookings of a platform against its capacity. Times in s since 1970. */
#ifndef PLAN_CALENDAR_H
#define PLAN_CALENDAR_H

#include "store/store.h"

/* The bookings of one platform as they are now, and what it has in all. */
struct calendar {
    struct booking *list;
    size_t n;
    struct room capacity; /* its parts are borrowed */
};
/* Reads what counts from `now` on. */
int calendar_open(struct calendar *c, struct store *store, const char *platform,
                  struct room capacity, int64_t now, struct err *err);
void calendar_close(struct calendar *c);

/* The earliest start in [from, to] at which `need` fits beside the bookings for `length` seconds,
 * or -1. The booking of job `self` (may be NULL) does not count. O(n log n). */
int64_t calendar_fit(const struct calendar *c, struct room need, int64_t from, int64_t to,
                     int64_t length, const char *self);

#endif
