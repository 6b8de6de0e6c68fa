/* Who steps a job: one process at a time, by a lock the kernel gives back when that process dies.
 */
#ifndef JOB_LEASE_H
#define JOB_LEASE_H

#include "store/store.h"

/* The lease of a job for at most wait_ms: a descriptor to close when done, -1 with CODE_TEMP when
 * another process steps the job. Makes the job's directory when it is not there. */
int lease_take(const struct store *store, const char *id, int64_t wait_ms, struct err *err);
/* Does some process hold it now? */
bool lease_held(const struct store *store, const char *id);

#endif
