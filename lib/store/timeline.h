/* What is and was going on on a platform: for pictures and for who wants to see how busy it is. */
#ifndef STORE_TIMELINE_H
#define STORE_TIMELINE_H

#include "store/store.h"

/* What the jobs of a platform hold that have not ended. */
struct load {
    int64_t jobs, running; /* how many were accepted, and are under way */
    int64_t cores, memory; /* booked by those under way, in milli-cores and bytes */
};
int store_load(struct store *s, const char *platform, struct load *load, struct err *err);

/* When a job is booked, and when it ran: ms since 1970, 0 where it is not or did not. */
struct stretch {
    char job[UUID_TEXT];
    char *name, *owner;
    enum phase phase;
    int64_t booked_from, booked_to, started, ended;
};
void stretches_free(struct stretch *list, size_t n);
/* Those of the jobs here that have not ended, and of those that ran and ended at `since` (ms) or
 * later, of jobs accepted in the two weeks before; the newest first, at most `most`. *list for
 * stretches_free. */
int store_stretches(struct store *s, const char *platform, int64_t since, size_t most,
                    struct stretch **list, size_t *n, struct err *err);

#endif
