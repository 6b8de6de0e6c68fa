/* Lists of jobs, by what is in their rows. */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include "store/store.h"

struct list_filter {
    const char *owner;  /* only theirs; NULL: of all */
    const char *method; /* only what they made by this way to show their name; NULL: by any */
    unsigned phases;    /* a bit for each (1u << PHASE_QUEUED) */
    int64_t after;      /* created later than this, in ms; INT64_MIN: whenever */
    int64_t most;       /* how many; -1: all there are */
};

/* Those the filter lets through, newest first. j is without its doc, and each is called with what
 * is borrowed until it returns; runid may be NULL. */
int list_jobs(struct store *s, const struct list_filter *filter,
              void (*each)(void *context, const struct job *j, const char *runid), void *context,
              struct err *err);

#endif
