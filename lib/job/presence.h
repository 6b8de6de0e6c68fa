/* Is there a worker? All workers that care for all jobs share the lock of one file, which the
 * kernel gives back when they end, and whose time is when one last began or ended. */
#ifndef JOB_PRESENCE_H
#define JOB_PRESENCE_H

#include "store/store.h"

/* For a worker: held until it is given back. -1 where it cannot be told, which stops nobody. */
int presence_hold(const struct store *store);
void presence_end(int *fd);

/* Does one work, or did one so lately that it is one of those that cron starts? *seen is when one
 * began or ended, ms; 0: never. */
bool presence_ask(const struct store *store, int64_t now, int64_t *seen);

#endif
