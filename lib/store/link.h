/* What links a job to others: its triggers that were called, its callouts that are to be made
 * (Planner 2.5). */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "store/store.h"

/* A trigger was called at `now` (ms), and asked for an action: 1, or 0 when that was so before.
 * Between store_begin and store_commit. */
int link_fired(struct store *s, const char *job, const char *trigger, const char *action,
               int64_t now, struct err *err);
/* All such calls: {"start": {trigger: ms}, "cancel": {trigger: ms}}, a new reference, NULL with
 * err. */
json_t *link_firings(struct store *s, const char *job, struct err *err);

/* Queues the callouts that j's change from phase `before` sets off, each with the next number of
 * its target; the first phase of all comes from ARCHIVED, which has no status. Part of every step:
 * store.c calls it. */
int link_queue(struct store *s, const struct job *j, enum phase before, int64_t now,
               struct err *err);
/* The job is deleted: what is not sent yet stays, and goes with its end. */
int link_forget(struct store *s, const char *job, struct err *err);

/* A callout that is to be made. */
struct callout {
    int64_t seq, number; /* of all; of this job and target, from 1 */
    int64_t time;        /* when it was set off, ms */
    int tries;           /* that failed */
    char job[UUID_TEXT];
    char *name;  /* of the callout, the target */
    json_t *doc; /* the message, see signal_message */
};
void callouts_free(struct callout *list, size_t n);

/* Those that are due at `now` (ms), the first of each job and target only, those that were never
 * tried first; at most `most`. *list for callouts_free. */
int link_due(struct store *s, int64_t now, size_t most, struct callout **list, size_t *n,
             struct err *err);
/* When the next is due, ms: 1, or 0 when none is waiting. */
int link_next(struct store *s, int64_t now, int64_t *due, struct err *err);
/* What became of one, in a transaction of its own. Should the machine lose power now, one that was
 * sent is sent again. */
enum link_end { LINK_SENT, LINK_FAILED, LINK_AGAIN };
int link_settle(struct store *s, const struct callout *c, enum link_end end, int64_t now,
                const char *why, struct err *err);
/* Why callouts of a job failed for good: adds a sentence for each to the list of texts. */
int link_failures(struct store *s, const char *job, json_t *texts, struct err *err);

#endif
