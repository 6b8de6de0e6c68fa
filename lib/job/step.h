/* One job, one step: what its phase calls for is done, and then said in one transaction. */
#ifndef JOB_STEP_H
#define JOB_STEP_H

#include "store/store.h"

/* What progress says while a job waits for others to end. */
#define STEP_ROOM "waiting for room"

struct step {
    struct store *store;
    const char *by;              /* who does it, for the event log */
    bool (*stop)(void *context); /* asked during long work; true leaves the job as it is */
    /* for people: what is being done; bytes and total -1 when that is not the point */
    void (*progress)(void *context, const struct job *j, const char *what, int64_t bytes,
                     int64_t total);
    void *context;
    bool brief; /* what takes long is left to another process */
    /* what its driver just said of one job's attempt; NULL: it is asked */
    const json_t *told;
    int told_attempt;
};

/* Does what is due. The caller holds the job's lease. 1: the job went on, ask again; 0: nothing is
 * due before *due (ms of real time; 0: never, it is at its end); STEP_LONG: what is due takes long,
 * and s is brief; -1: it could not be done now, the job is as it was. j is read from the store and
 * released by the caller. */
#define STEP_LONG 2
int step_job(struct step *s, const char *id, struct job *j, int64_t *due, struct err *err);

/* Does the phase of j call for something that takes long: data to move, an image to unpack? */
bool step_is_long(const struct step *s, const struct job *j);

/* Ends the job now, whatever it is doing: the process tree is gone when this returns 0. The caller
 * holds the lease. CODE_CONFLICT when it has ended already. */
int step_abort(struct step *s, struct job *j, const char *why, struct err *err);

#endif
