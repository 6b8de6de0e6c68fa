/* What an owner may change of a job besides its phase (UWS 1.1, 2.2.3). */
#ifndef JOB_AMEND_H
#define JOB_AMEND_H

#include "store/store.h"

struct amend {
    int64_t destruction; /* ms since 1970; 0: it stays */
    int64_t limit;       /* of its run time, s; -1: it stays; 0: as long as was booked (UWS) */
    const char *name;    /* NULL: it stays */
    const char *runid;   /* the same */
    /* of a draft only: its task and what else it has of parameters (draft.h); NULL: they stay */
    json_t *parameters;
    json_t *task;             /* {"sealed", "task"}; NULL with parameters: it has none */
    const struct job *before; /* what they were made from: CODE_TEMP when it has others by now */
};

/* All of it, or nothing: CODE_CONFLICT when the phase of the job does not allow it, or the limit is
 * higher than what was booked. CODE_TEMP: a worker is at the job. */
int amend_job(struct store *store, const char *id, const struct amend *a, struct err *err);
/* The same of a draft, at which no worker is; between store_begin and store_commit. */
int amend_draft(struct store *store, const char *id, const struct amend *a, struct err *err);

#endif
