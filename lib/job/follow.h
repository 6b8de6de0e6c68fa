/* Jobs at workers elsewhere, as they are seen from here. */
#ifndef JOB_FOLLOW_H
#define JOB_FOLLOW_H

#include "job/step.h"

/* Looks at those of the jobs that are elsewhere and not at an end, side by side, for at most
 * wait_ms; what is seen is in the store then, also that one could not be looked at. -1 only when
 * the store failed. FOLLOW_MS is long enough for any worker that is there. */
#define FOLLOW_MS 10000
int follow_look(struct store *store, const struct strs *ids, int64_t wait_ms, struct err *err);
/* For the worker: looks at one, after which *due says when it is worth looking again (ms). 1: it
 * went on, 0: it is as it was, -1: it could not be looked at. */
int follow_step(struct step *s, struct job *j, int64_t *due, struct err *err);

/* The document: what was seen last. history is our own log of it. A new reference. */
json_t *follow_document(const struct job *j, json_t *history);
/* As query_change, for a job elsewhere. */
int follow_change(struct store *store, struct job *j, const char *verb, struct err *err);

#endif
