/* When there is room: bookings of a platform against its capacity. Times in s since 1970. */
#ifndef PLAN_CALENDAR_H
#define PLAN_CALENDAR_H

#include "store/store.h"

struct room {
    int64_t cores, memory; /* milli-cores and bytes */
};

/* The earliest start in [from, to] at which `need` fits beside the bookings for `length` seconds,
 * or -1. The booking of job `self` (may be NULL) does not count. O(n log n). */
int64_t calendar_fit(const struct booking *list, size_t n, struct room capacity, struct room need,
                     int64_t from, int64_t to, int64_t length, const char *self);

#endif
