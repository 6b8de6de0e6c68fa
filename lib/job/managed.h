/* Places that the service makes for a job and deletes after it (Planner 2.2.3, EP-46..4C). */
#ifndef JOB_MANAGED_H
#define JOB_MANAGED_H

#include "job/act.h"
#include "model/task.h"

/* Makes what is not made yet, noted durably before. 0: all is there; 1: a place cannot be made, j's
 * error is set; -1: stopped or broken. Again costs nothing. */
int managed_make(struct step *s, struct job *j, const struct task *t, struct err *err);

/* Is there something that managed_make has not made yet? */
bool managed_wants(struct store *store, const struct job *j, const struct task *t);

/* Removes what is due of a job, which may be deleted by now; the caller holds its lease. What
 * cannot be removed is tried again later, less and less often, for a week; what never can, or may
 * be another's, is said in the job's document. -1 when something is to be done again, or is left by
 * a job that was deleted; the rest is done all the same. */
int managed_clear(struct step *s, const char *id, struct err *err);

#endif
