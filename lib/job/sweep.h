/* What no job is due for: directories that lost their job, images that nobody uses any more. */
#ifndef JOB_SWEEP_H
#define JOB_SWEEP_H

#include "store/store.h"

/* Once a day, whoever comes first; costs nothing in between. What cannot be removed stays until the
 * next day. `now` in ms; `stop` ends it, and may be NULL. */
void sweep(struct store *store, int64_t now, bool (*stop)(void *context), void *context);

#endif
