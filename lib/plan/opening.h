/* When a platform is open: its windows, repeated and put together. Times in s since 1970. */
#ifndef PLAN_OPENING_H
#define PLAN_OPENING_H

#include "model/platform.h"

/* The first time that ends after `from` and begins by `until` in which jobs may run: from *open up
 * to *close. Windows that touch are one. False: there is none. Without windows it is always. */
bool opening_next(const struct platform *p, int64_t from, int64_t until, int64_t *open,
                  int64_t *close);

#endif
