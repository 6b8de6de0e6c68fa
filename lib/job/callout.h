/* Callouts: made beside the steps of jobs, so that no endpoint delays a job (Planner 2.5.2).
 *
 * One process makes those of a store, whoever holds a lock: execdm-callout, which workers start as
 * soon as there is one to be made, and which ends with them. */
#ifndef JOB_CALLOUT_H
#define JOB_CALLOUT_H

#include "host/spawn.h"
#include "store/store.h"

/* The worker's side. Begins as {0}. */
struct caller {
    struct spawn run;
    char *argv[3];
    bool missing;  /* the program is; said once */
    bool begun;    /* it runs, and */
    int end;       /* is a descriptor for poll(2), readable when it has ended */
    int64_t again; /* ms since boot: not before, as it failed */
};
/* Is there a callout to be made, and nobody started? Costs one look at an index. -1 with what went
 * wrong; it is tried again. */
int caller_care(struct caller *c, struct store *store, struct err *err);
/* When it is to be tried again, ms; INT64_MAX: nothing is to be. */
int64_t caller_due(const struct caller *c);
/* Lets it finish what is due, and no more; what is due then is tried once, while stop allows it. */
void caller_end(struct caller *c, struct store *store, bool (*stop)(void *context), void *context);

/* What execdm-callout does: with `stay` it waits for its turn, and for more, until *told; else it
 * returns when nothing is due any more, or another is at it. site is execdm.yaml. */
int callout_make(struct store *store, const json_t *site, bool stay, const volatile int *told,
                 struct err *err);

#endif
