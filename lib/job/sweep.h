/* What is left when jobs have ended: places and files whose time has come, and once a day what no
 * job is due for, directories that lost their job and images that nobody uses any more. */
#ifndef JOB_SWEEP_H
#define JOB_SWEEP_H

#include "job/step.h"

/* When there is something to do, ms; not after `now` when there is already, INT64_MAX for never. */
int sweep_when(struct store *store, int64_t now, int64_t *when, struct err *err);

/* Does all that is due, unless s->stop ends it. -1 when something is to be done again, the rest is
 * done all the same. execdm-step does it for the worker. */
int sweep_work(struct step *s, struct err *err);

#endif
